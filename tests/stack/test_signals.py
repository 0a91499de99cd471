from __future__ import annotations

import signal
import threading

import pytest

from traingauge.stack.signals import signals_as_exceptions, signals_held_back

pytestmark = pytest.mark.usefixtures("default_handlers")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_the_program_does_not_handle_becomes_the_exit_that_a_shell_expects(number: int) -> None:
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as ended, signals_as_exceptions():
            signal.raise_signal(number)
        assert ended.value.code == 128 + number
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_signal_that_the_program_handles_is_left_to_it() -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    try:
        with signals_as_exceptions():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == [signal.SIGTERM]


def test_a_signal_that_is_held_back_interrupts_once_the_block_is_complete() -> None:
    steps = []

    def interrupted() -> None:
        with signals_held_back():
            signal.raise_signal(signal.SIGINT)
            steps.append("complete")
        steps.append("not reached")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert steps == ["complete"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_held_back():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # a child inherits that
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    def enter() -> None:
        with signals_held_back(), signals_as_exceptions():
            entered.set()

    entered = threading.Event()
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered.is_set()
