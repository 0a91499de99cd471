"""What an exception says about the end of a run."""

from __future__ import annotations

import asyncio

import pytest

from traingauge import ModelMonitor
from traingauge.process.end import FINISHED, INTERRUPTED, End, end_after


def test_an_exception_fails_the_run_by_its_name() -> None:
    assert end_after(ValueError()) == End("failed", "ValueError")


@pytest.mark.parametrize("code", [None, 0])
def test_an_exit_without_a_code_finishes_the_run(code: object) -> None:
    assert end_after(SystemExit(code)) == FINISHED


@pytest.mark.parametrize("code", [1, "no data"])
def test_an_exit_with_a_code_fails_the_run(code: object) -> None:
    assert end_after(SystemExit(code)) == End("failed", "SystemExit")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
def test_a_request_to_stop_interrupts_the_run(stop: type[BaseException]) -> None:
    assert end_after(stop()) == INTERRUPTED


def error_of_cleaning_up_after_an_interrupt() -> BaseException:
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise RuntimeError("a worker was killed") from None
    except RuntimeError as error:
        return error


def test_what_is_raised_while_an_interrupt_is_handled_is_still_the_interrupt() -> None:
    assert end_after(error_of_cleaning_up_after_an_interrupt()) == INTERRUPTED


def test_causes_that_go_in_a_circle_come_to_an_end() -> None:
    one, other = ValueError(), TypeError()
    one.__cause__, other.__cause__ = other, one
    assert end_after(one) == End("failed", "ValueError")


def test_a_pruned_trial_interrupts_the_run() -> None:
    pruned = type("TrialPruned", (Exception,), {"__module__": "optuna.exceptions"})
    own = type("MyPruned", (pruned,), {})
    assert (end_after(pruned()), end_after(own())) == (INTERRUPTED, INTERRUPTED)


def test_a_cancelled_task_interrupts_the_run() -> None:
    monitor = ModelMonitor("m", delivery=[])

    async def train() -> None:
        with monitor:
            await asyncio.sleep(3600)

    async def main() -> None:
        task = asyncio.ensure_future(train())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert monitor.state == "interrupted"
