"""Diagnostics of a run, through the monitor."""

from __future__ import annotations

import math

import numpy as np
import pytest

from traingauge import ModelMonitor, ReferenceRun, Scoring
from traingauge.errors import InvalidTypeError, ReferenceMismatchError
from traingauge.stats.health.states import STATES


def losses(seed=0, steps=2000):
    rng = np.random.default_rng(seed)
    return (2.3 * np.exp(-np.arange(steps) / 300) + 0.3 + rng.normal(scale=0.1, size=steps)).tolist()


def monitor(**arguments):
    return ModelMonitor("judged", delivery=[], **arguments)


def train(run, values, **more):
    for loss in values:
        run.step(loss, samples=32, **more)


def state(run, read):
    return [one for one in STATES if read(run, "model_health", state=one)]


def test_intervals_end_at_fixed_steps_independent_of_scrapes(read):
    tables = []
    for every in (1, 7, 5000):
        with monitor() as run:
            for number, loss in enumerate(losses(steps=300)):
                run.step(loss, samples=32, gradient_norm=loss, y_true=[0, 1], y_pred=[0, number % 2])
                if number % every == 0:
                    read(run, "model_loss", split="train")
            tables.append({key: readings.table.tolist() for key, readings in run.curves.items()})
    for key, table in tables[0].items():
        np.testing.assert_allclose(table, tables[1][key], rtol=1e-12)
        np.testing.assert_allclose(table, tables[2][key], rtol=1e-12)
    assert [row[0] for row in tables[0]["accuracy", "train"]] == list(range(25, 301, 25))
    assert [row[1] for row in tables[0]["loss", "train"]] == list(range(800, 9601, 800))


def test_an_interval_reads_its_mean_loss():
    with monitor() as run:
        train(run, [1.0, math.nan, 3.0, *[2.0] * 22, *[5.0] * 25])
        found = dict(run.curves.items())["loss", "train"].table
    assert found[:, 2].tolist() == [2.0, 5.0]


def test_a_healthy_run_is_healthy_and_unlikely_to_fail(read):
    with monitor() as run:
        train(run, losses())
        assert state(run, read) == ["healthy"]
        assert read(run, "model_health_failing_probability", horizon="1000") < 0.1
        assert read(run, "model_health_steps_to_failing") > 10_000
        shares = [read(run, "model_health_stationary_probability", state=one) for one in STATES]
        assert sum(shares) == pytest.approx(1)


def test_a_loss_that_climbs_is_at_risk_before_it_is_failing(read):
    with monitor() as run:
        train(run, losses())
        seen = []
        for climb in np.linspace(0, 2.0, 40):
            train(run, [0.3 + climb] * 25)
            seen.append((state(run, read)[0], read(run, "model_health_failing_probability", horizon="1000")))
    order = [STATES.index(one) for one, _ in seen]
    assert order == sorted(order)
    assert seen[-1] == ("failing", 1.0)
    at_risk = next(at for at, (_, risk) in enumerate(seen) if risk > 0.3)
    assert at_risk < order.index(STATES.index("failing"))


def test_a_run_with_a_non_finite_loss_is_failing_until_the_end_of_the_next_interval(read):
    with monitor() as run:
        train(run, [*losses(steps=499), math.nan])
        assert state(run, read) == ["failing"]
        assert read(run, "model_health_steps_to_failing") == 0
        train(run, losses(steps=2000)[500:525])
        assert state(run, read) == ["healthy"]


def test_a_run_is_failing_as_soon_as_its_loss_is_not_finite(read):
    with monitor() as run:
        train(run, losses(steps=500))
        assert state(run, read) == ["healthy"]
        run.step(math.nan)
        assert state(run, read) == ["failing"]
        assert read(run, "model_health_failing_probability", horizon="100") == 1
    with monitor() as run:
        run.step(math.inf)
        assert state(run, read) == ["failing"]


def test_a_run_is_failing_until_a_pass_has_a_finite_loss_again(read):
    with monitor() as run:
        train(run, losses(steps=500))
        run.evaluate("validation", loss=math.nan)
        assert state(run, read) == ["failing"]
        train(run, losses(steps=600)[500:])
        assert state(run, read) == ["failing"]
        run.evaluate("validation", loss=0.5)
        train(run, losses(steps=650)[600:])
        assert state(run, read) == ["healthy"]


def test_overfitting_is_a_strain_on_the_validation_loss(read):
    with monitor() as run:
        for epoch in range(30):
            train(run, losses()[epoch * 25 : epoch * 25 + 25])
            run.evaluate("validation", loss=0.5 + 0.02 * (epoch - 12) ** 2)
        assert read(run, "model_health_strain", signal="loss", split="validation") > 6
        assert read(run, "model_health_strain", signal="loss", split="train") < 3


def test_what_is_expected_is_published_with_the_deviation_of_the_run(read):
    with monitor(run="good") as good:
        train(good, losses(0))
    with monitor(reference_run=ReferenceRun.record(good)) as run:
        train(run, (0.4 + np.array(losses(1)))[:1000])
        expected = read(run, "model_expected", metric="loss", split="train")
        spread = read(run, "model_expected_stddev", metric="loss", split="train")
        assert expected == pytest.approx(2.3 * math.exp(-987 / 300) + 0.3, abs=0.1)
        assert read(run, "model_deviation", metric="loss", split="train") > 4
        assert read(run, "model_health_strain", signal="loss", split="train") > 4
        assert 0 < spread < 0.2


def test_a_run_better_than_expected_is_under_no_strain(read):
    with monitor(run="good") as good:
        train(good, losses(0))
    with monitor(reference_run=ReferenceRun.record(good)) as run:
        train(run, [loss / 4 for loss in losses(1)[:1000]])
        assert read(run, "model_deviation", metric="loss", split="train") < -4
        assert state(run, read) == ["healthy"]


def test_a_reference_run_of_another_model_raises_at_the_start():
    with monitor() as good:
        train(good, losses(steps=100))
    with pytest.raises(ReferenceMismatchError, match="judged"):
        ModelMonitor("other", reference_run=ReferenceRun.record(good), delivery=[])
    with pytest.raises(InvalidTypeError, match="ReferenceRun"):
        monitor(reference_run="good.run")


def test_a_reference_run_of_another_task_raises_and_one_of_other_metrics_is_logged(caplog):
    with monitor() as good:
        train(good, losses(steps=100))
        for _ in range(2):
            good.evaluate("validation", y_true=[0, 1], y_pred=[0, 1])
    reference = ReferenceRun.record(good)
    with pytest.raises(ReferenceMismatchError, match="task of this run is 'regression'"):
        monitor(reference_run=reference, scoring=Scoring(task="regression"))
    monitor(reference_run=reference, scoring=Scoring(task="multiclass")).close()
    with monitor(reference_run=reference) as run:
        for _ in range(3):
            run.evaluate("validation", y_true=[0.5, 1.5], y_pred=[0.25, 1.0])
        run.collector.families()
    said = [record.message for record in caplog.records if "is not compared" in record.message]
    assert len(said) == len(set(said))
    assert any(
        message.startswith("mean_absolute_error is not compared with the reference run") for message in said
    )


def test_statistics_of_every_signal_are_published(read):
    with monitor() as run:
        train(run, losses(), gradient_norm=1.5)
        run.evaluate("validation", loss=0.5, y_true=[0, 1], y_pred=[0, 1])
        assert read(run, "model_signal_mean", signal="loss", split="train", over="window") == pytest.approx(
            np.mean(losses()[-100:])
        )
        assert read(run, "model_signal_mean", signal="gradient_norm", split="train", over="run") == 1.5
        assert read(run, "model_signal_max", signal="recall", split="validation", over="run") == 1
        assert read(run, "model_signal_min", signal="step_seconds", split="train", over="run") > 0


def test_a_single_deviating_pass_does_not_change_the_health(read):
    with monitor(run="good") as good:
        for epoch in range(20):
            train(good, losses(0)[epoch * 25 : epoch * 25 + 25])
            good.evaluate("validation", loss=1 - 0.04 * epoch)
    with monitor(reference_run=ReferenceRun.record(good)) as run:
        for epoch, off in enumerate((0.0, 3.0, 0.0, 3.0, 3.0)):
            train(run, losses(1)[epoch * 25 : epoch * 25 + 25])
            run.evaluate("validation", loss=1 - 0.04 * epoch + off)
            strain = read(run, "model_health_strain", signal="loss", split="validation")
            assert math.isnan(strain) == (epoch == 0)
        assert strain > 6
