"""Runs under a hand-moved clock do what their setup and their faults say, and scrapes see it."""

from __future__ import annotations

import numpy as np
import pytest

from simulation import faults
from simulation.clock import SCRAPE_SECONDS
from simulation.data import load
from simulation.faults import Injection, draw_labels, relabel, shift_images
from simulation.recording import Recording
from simulation.session import Session
from simulation.setup import Setup
from traingauge.core.families import Identity

#: Seconds for which a run is simulated.
SECONDS = 600.0


def recorded(*due: tuple[float, Injection], until: float = SECONDS) -> dict[str, list[str]]:
    """Values of a run on the wine data, scrape by scrape, of its target and its training split, by metric."""
    recording = Recording(Identity("wine", "run"))
    Session("wine", "run", Setup.drawn(0, "wine"), until, recording, [*due]).record()
    assert recording.scrapes == until / SCRAPE_SECONDS + 1
    return {
        series.partition("{")[0]: values.split()
        for series, values in recording.values()
        if "split=" not in series or 'split="train"' in series
    }


def test_a_run_is_scraped_until_the_simulation_ends():
    assert recorded()["up"] == ["1.0x20"]


def test_a_killed_run_is_down_from_then_on():
    assert recorded((300.0, faults.killed))["up"] == ["1.0x10", "0.0x9"]


def test_a_run_that_ends_is_down_once_and_then_leaves_discovery():
    assert recorded((300.0, faults.ended))["up"] == ["1.0x11", "0.0", "stale", "_x7"]


def test_an_unreachable_run_is_down_while_it_trains_on():
    assert recorded((300.0, faults.unreachable))["up"] == ["1.0x10", "0.0x9"]


def test_a_hung_run_answers_and_takes_no_step():
    found = recorded((300.0, faults.hung))
    assert found["up"] == ["1.0x20"]
    assert found["model_steps_total"][-1].endswith("x9")


def test_a_fault_is_injected_when_it_is_due_and_not_before():
    seen = []
    recorded(
        (0.0, lambda setup: seen.append("first")), (300.0, lambda setup: seen.append("second")), until=270.0
    )
    assert seen == ["first"]


def test_a_nan_gradient_ruins_the_loss_for_good():
    assert recorded((300.0, faults.one_gradient_nan))["model_loss"][-1] == "NaN"


def test_shifting_images_is_undone_by_restoring_them():
    setup = Setup.drawn(0, "digits")
    faults.images_shifted(setup)
    assert not np.array_equal(setup.data.validation.x, load("digits").validation.x)
    faults.images_restored(setup)
    assert np.array_equal(setup.data.validation.x, load("digits").validation.x)


def test_a_shifted_image_has_the_same_pixels_two_columns_further():
    image = np.arange(64.0)[None]
    assert shift_images(image).reshape(8, 8)[0].tolist() == [6, 7, 0, 1, 2, 3, 4, 5]


def test_labels_are_swapped_at_once_and_not_one_after_the_other():
    assert relabel(np.array([1.0, 2.0]), {1: 2, 2: 1}).tolist() == [2.0, 1.0]


@pytest.mark.parametrize(("share", "changed"), [(0.0, 0.0), (1.0, 0.9)])
def test_a_share_of_the_labels_is_drawn_from_all_classes(share: float, changed: float):
    drawn = draw_labels(np.zeros(10_000), share, 10, np.random.default_rng(0))
    assert (drawn != 0).mean() == pytest.approx(changed, abs=0.02)


def test_the_test_split_is_cut_from_the_validation_split():
    whole, cut = load("digits"), load("digits").with_test()
    assert cut.test is not None
    assert np.array_equal(np.concatenate([cut.validation.y, cut.test.y]), whole.validation.y)
