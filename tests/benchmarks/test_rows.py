"""What the rows compare does the same work: they assert it while they are set up."""

from collections.abc import Callable
from types import ModuleType

import pytest

from benchmarks import peers
from benchmarks.cost import drift_update, lightning_step, render, stall, transformers_step
from benchmarks.cost.harness import Row
from traingauge.delivery.exposition import Renderer


def test_our_text_of_the_gauges_is_that_of_prometheus_client() -> None:
    gauges, renderer = render.Gauges(100), Renderer(render.IDENTITY)
    scrapes = gauges.curves(0.1)
    first, second = (gauges.check(renderer, next(scrapes)) for _ in range(2))
    changed = [one != other for one, other in zip(first.splitlines(), second.splitlines(), strict=True)]
    assert sum(changed) == 10


@pytest.mark.parametrize("measure", [drift_update.measure])
def test_a_row_has_ours_and_a_base(measure: Callable[[float], Row]) -> None:
    row = measure(0.1)
    assert row.figures[0].ratio == 1.0
    assert any(figure.ours for figure in row.figures)


def test_scrapes_are_seen_from_the_side_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall, "SCRAPES", 2)
    with stall.ours(0.1) as url:
        seen = stall.train(stall.native_step, url)
    assert len(seen.scrapes) == 2
    assert seen.steps


def test_a_peer_that_is_not_there_is_named_with_how_to_get_it() -> None:
    assert peers.missing(["numpy", "no_such_peer"]) == {
        "no_such_peer": "not installed: pip install 'traingauge[bench]'"
    }


@pytest.mark.parametrize("row", [lightning_step, transformers_step])
def test_a_framework_that_is_not_there_is_named_with_how_to_get_it(
    row: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda module: None)
    found = row.measure(0.1)
    assert not found.figures
    assert all("make test-integrations" in advice for advice in found.missing.values())
    assert {"lightning", "transformers"} & found.missing.keys()


def test_a_peer_without_its_environment_says_how_to_make_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(peers, "PEERS", tmp_path)
    with pytest.raises(peers.PeerError, match=r"python -m benchmarks\.peers"):
        peers.run_apart("nannyml", "result = 1", {})
