"""Both halves of the first rule: a wrong call raises, an error inside monitoring is counted."""

import logging

import pytest

from traingauge.core.guard import REASONS, Guard
from traingauge.errors import InvalidArgumentError, InvalidTypeError


def fail(error: BaseException) -> None:
    raise error


def test_what_the_work_returns_is_passed_on() -> None:
    guard = Guard()
    assert guard.run("step", max, 1, 2) == guard.shield("step", max, 1, 2) == 2
    assert not any(guard.errors.values())


def test_an_error_inside_monitoring_is_counted_under_its_reason_and_swallowed() -> None:
    guard = Guard()
    assert guard.run("scrape", fail, ZeroDivisionError()) is None
    assert {reason: count for reason, count in guard.errors.items() if count} == {"scrape": 1}


def test_a_wrong_argument_raises_in_a_call_of_the_user_and_is_not_counted() -> None:
    guard = Guard()
    with pytest.raises(InvalidArgumentError):
        guard.run("step", fail, InvalidArgumentError("window is 0"))
    assert not any(guard.errors.values())


def test_a_wrong_argument_is_counted_where_no_user_waits_for_an_answer() -> None:
    guard = Guard()
    assert guard.shield("digest", fail, InvalidArgumentError("window is 0")) is None
    assert guard.errors["digest"] == 1


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_is_never_swallowed(signal: type[BaseException]) -> None:
    with pytest.raises(signal):
        Guard().shield("digest", fail, signal())


def test_an_error_is_logged_once_for_each_reason_and_counted_every_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guard = Guard()
    with caplog.at_level(logging.WARNING, "traingauge"):
        for _ in range(3):
            for reason in REASONS:
                guard.report(reason, ValueError("broken"))
    assert len(caplog.records) == len(REASONS)
    assert set(guard.errors.values()) == {3}


@pytest.mark.parametrize(
    ("error", "has_traceback"),
    [
        (InvalidArgumentError("loss is 'low'"), False),
        (ConnectionRefusedError("nothing listens there"), False),
        (OSError(28, "No space left on device"), False),
        (ZeroDivisionError(), True),
    ],
)
def test_only_an_error_that_nothing_explains_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture, error: Exception, has_traceback: bool
) -> None:
    with caplog.at_level(logging.WARNING, "traingauge"):
        Guard().report("alert", error)
    assert [bool(record.exc_info) for record in caplog.records] == [has_traceback]


def test_data_that_do_not_fit_raise_until_data_of_their_kind_were_taken() -> None:
    guard = Guard()
    with pytest.raises(InvalidArgumentError):
        guard.admit("numbers", fail, InvalidArgumentError("loss is 'low'"))
    guard.fitted(["numbers"])
    assert guard.admit("numbers", fail, InvalidArgumentError("loss is 'low'")) is None
    assert guard.errors["data"] == 1
    with pytest.raises(InvalidArgumentError):
        guard.admit("features", fail, InvalidArgumentError("two columns"))


def test_a_strict_guard_raises_about_data_always() -> None:
    guard = Guard(strict=True)
    guard.fitted(["numbers"])
    with pytest.raises(InvalidArgumentError):
        guard.admit("numbers", fail, InvalidArgumentError("loss is 'low'"))


def test_an_error_inside_monitoring_never_raises_even_about_the_first_data() -> None:
    guard = Guard(strict=True)
    assert guard.admit("numbers", fail, ZeroDivisionError()) is None
    assert guard.errors["step"] == 1


def test_a_part_that_fails_after_its_whole_was_refused_is_replaced_and_not_counted_again() -> None:
    guard = Guard(strict=True)
    assert guard.attempt(0, int, "3") == 3
    assert guard.attempt(0, int, "three") == 0
    assert not any(guard.errors.values())


def test_work_that_does_not_compute_is_caught_with_every_error_of_it() -> None:
    guard = Guard()
    assert guard.catch("integration", divmod, 7, 2) == (3, 1)
    for error in (ZeroDivisionError(), InvalidTypeError("a wrong argument")):

        def fail(error: Exception = error) -> None:
            raise error

        assert guard.catch("integration", fail) is None
    assert guard.errors["integration"] == 2


class Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise ValueError("I/O operation on closed file")  # as where standard error was closed


def test_a_handler_of_logs_that_fails_is_no_error_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("traingauge"), "handlers", [Broken()])
    guard = Guard()
    guard.report("step", ZeroDivisionError())
    guard.guessed("the task is a regression", changed=True)
    assert (guard.errors["step"], guard.errors["guess"]) == (1, 1)
