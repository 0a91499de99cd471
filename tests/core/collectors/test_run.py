"""Identity and state of the run."""

import pytest

from traingauge.catalog import RUN_STATES
from traingauge.core.collectors.run import RunInfo
from traingauge.errors import UnknownNameError


def state(run: RunInfo) -> dict[str, float]:
    (family,) = [family for family in run.families() if family.metric.name == "model_run_state"]
    return {str(key.labels[0]): value for key, value in zip(family.keys, family.values, strict=True)}


@pytest.mark.parametrize("final", RUN_STATES[1:])
def test_exactly_one_state_is_1_before_and_after_the_end(final: str) -> None:
    run = RunInfo()
    assert state(run) == {name: float(name == "running") for name in RUN_STATES}
    run.end(final)
    assert state(run) == {name: float(name == final) for name in RUN_STATES}


def test_the_first_end_counts() -> None:
    run = RunInfo()
    run.end("failed", exception="ValueError")
    ended = run.ended
    run.end("finished")
    assert (run.state, run.ended, run.info["exception"]) == ("failed", ended, "ValueError")


def test_a_run_cannot_end_as_running() -> None:
    with pytest.raises(UnknownNameError, match="'running': expected one of 'finished'"):
        RunInfo().end("running")


def test_an_unknown_label_of_the_info_raises() -> None:
    with pytest.raises(UnknownNameError, match="'colour'"):
        RunInfo().describe(colour="red")


def test_the_end_is_absent_until_it_comes() -> None:
    run = RunInfo()
    assert "model_run_end_timestamp_seconds" not in {family.metric.name for family in run.families()}
    run.end("finished")
    assert "model_run_end_timestamp_seconds" in {family.metric.name for family in run.families()}
