"""What is fuzzed, and one round of it: every target with one seed, in a process of its own."""

from __future__ import annotations

import json
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz import functions, probe
from tests.fuzz.runs import Run

#: Seconds without a call after which a round is taken for hung.
HANGS_AFTER = 60

#: Examples of each function, and runs, of a round.
EXAMPLES, RUNS = 150, 20

RUNS_NAME = "whole runs"


def _runs(how: settings, number: int | None) -> None:
    machine = Run if number is None else seed(number)(type("Run", (Run,), {}))
    run_state_machine_as_test(machine, settings=how)


def _function(name: str, how: settings, number: int | None) -> None:
    def function(hostile: dict[str, Any]) -> None:
        functions.check(name, hostile)

    test = how(given(functions.calls(name))(function))
    (test if number is None else seed(number)(test))()


#: Runs a target with settings of hypothesis and a seed; with ``None`` it is the same each time.
TARGETS: dict[str, Callable[[settings, int | None], None]] = {
    RUNS_NAME: _runs,
    **{name: partial(_function, name) for name in functions.FUNCTIONS},
}


def how(examples: int, **more: Any) -> settings:
    """Settings for a number of examples."""
    return settings(
        max_examples=examples,
        stateful_step_count=15,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def main(number: int, names: list[str]) -> None:
    """Run targets with a seed, and write what came of each as a line of JSON."""
    quiet()
    probe.HANGS_AFTER = HANGS_AFTER
    phases = [Phase.generate, Phase.shrink]
    for name in names or TARGETS:
        before = probe.TALLY.calls.total(), probe.TALLY.refused.total()
        failures = []
        try:
            TARGETS[name](how(RUNS if name == RUNS_NAME else EXAMPLES, phases=phases), number)
        except Exception as error:  # noqa: BLE001 that is what is looked for
            failures = [*_failures(error)]
        calls, refused = probe.TALLY.calls.total(), probe.TALLY.refused.total()
        found = {
            "target": name,
            "calls": calls - before[0],
            "refused": refused - before[1],
            "failures": failures,
        }
        print(json.dumps(found), flush=True)


def quiet() -> None:
    """Let warnings raise, as in the tests, and nothing be logged or drawn."""
    import matplotlib as mpl

    mpl.use("agg")
    warnings.simplefilter("error")
    logging.getLogger("traingauge").propagate = False
    logging.getLogger("traingauge").addHandler(logging.NullHandler())


def _failures(error: BaseException) -> Iterator[dict[str, str]]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _failures(one)
        return
    kinds = {probe.RawError: "raw errors", probe.WrongAnswerError: "wrong"}
    yield {
        "kind": kinds.get(type(error), "errors of the fuzzer"),
        "text": "".join(traceback.format_exception(error)),
    }


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
