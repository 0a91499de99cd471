"""The signals that end a process from outside: SIGTERM of a scheduler, SIGHUP of a closed terminal.

A handler must not end a run itself: it interrupts the main thread anywhere, perhaps where that holds a lock. Python calls it
only once the main thread comes back from what it computes, which may be never if a collective operation hangs. So a thread
that is started with the first run ends the runs. It learns of a signal from the pipe that the interpreter's own handler
fills at once; the Python handler writes to it too.

Where the script had no handler, the thread ends the runs as ``interrupted`` and lets the signal do its work. Where it had
one, or has set one since, that decides what happens; only the time of the signal is noted, so that an end after it is
``interrupted``. A handler of the script may be gone again when the thread reads of the signal. So the thread ends the runs
once the Python handler here was called, or where the main thread runs nothing for two seconds.

asyncio sets the default effect of the signals that it has handled once its loop is closed. They are handled here again then.

Ctrl-C is not handled at all. That it came shows in the pipe.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from traingauge.process.wakeup import WakeUp

#: Signals that end a process from outside.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

#: Seconds that SLURM and Kubernetes grant after a signal, and those after which the process is gone by itself.
GRANTED_SECONDS, GRACE_SECONDS = 30.0, 25.0

#: Seconds after which a process that its signal does not end, as the first of a container, exits by itself.
STUBBORN_SECONDS = 1.0

#: Seconds without a sign of the main thread after which it hangs.
HUNG_SECONDS = 2.0

#: In the pipe a number is that of a signal. Otherwise: it wakes up the thread; the main thread has run since it was asked.
_WAKE, _HAS_RUN = 126, 127

#: Added to the number of a signal that ends the process, as nothing but the handler here decides about it.
_ENDS = 128


class Signals:
    """Watches for signals between :meth:`install` and :meth:`remove`.

    Args:
        end_runs: Ends the runs of the process, within a number of seconds.
    """

    def __init__(self, end_runs: Callable[[float], None]) -> None:
        self._end_runs = end_runs
        self._before: dict[int, Any] = {}  # handlers as they were
        self._ours: dict[int, Any] = {}
        self._pipe: tuple[socket.socket, socket.socket] | None = None  # to read, to write
        self._wake_up = WakeUp(self._take_back)
        self._answer: Any = None  # what the main thread is asked to call
        self._reading = threading.RLock()
        self.forget()

    def forget(self) -> None:
        """Forget signals that came before."""
        self._arrived: float | None = None
        self._undecided = 0  # a signal of which it is not known whether another handler was called
        self._deadly = 0  # the signal that is ending the process
        self._handled = False
        self._by_keyboard = 0

    @property
    def have_come(self) -> bool:
        """Whether there was one."""
        self._read()
        return self._arrived is not None

    @property
    def by_keyboard(self) -> int:
        """How often there was a Ctrl-C, which the script may have handled in any way."""
        self._read()
        return self._by_keyboard

    @property
    def left(self) -> float | None:
        """Seconds that are left of the grace period; ``None`` if no signal has come, or the process has outlived it."""
        self._read()
        if self._arrived is None or (since := time.monotonic() - self._arrived) > GRANTED_SECONDS:
            return None
        return max(0.0, GRACE_SECONDS - since)

    def install(self) -> None:
        """Set handlers, if this is the main thread: Python lets no other do that."""
        if self._pipe is not None or threading.current_thread() is not threading.main_thread():
            return
        self._pipe = receiver, sender = socket.socketpair()
        receiver.setblocking(False)
        sender.setblocking(False)
        threading.Thread(target=self._watch, args=[receiver], name="traingauge-signals", daemon=True).start()
        self._wake_up.install(sender.fileno())
        for number in SIGNALS:
            if signal.getsignal(number) not in {
                signal.SIG_IGN,
                None,
            }:  # None is a handler that is not Python's
                self._take(number)

    def _take(self, number: int) -> None:
        self._before[number] = before = signal.getsignal(number)
        self._ours[number] = self._over(before)
        signal.signal(number, self._ours[number])

    def _take_back(self) -> None:
        """Handle signals again that an event loop has handled: when it ends, it leaves them to their default effect."""
        for number in self._before:
            if signal.getsignal(number) == signal.SIG_DFL:
                self._take(number)

    def remove(self) -> None:
        """Put back what was there, unless another one has changed it; only the main thread can."""
        if self._pipe is not None and threading.current_thread() is threading.main_thread():
            _, sender = self._pipe
            self._put_back()
            self._pipe = None
            sender.close()  # the thread reads the end, and closes the other

    def hold(self, at_most: float) -> Callable[[], object] | None:
        """Before a fork: let no signal come until both sides are ready, as one to the child would be lost, or go here."""
        if self._pipe is None:
            return None
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        return partial(signal.pthread_sigmask, signal.SIG_SETMASK, before)

    def leave_to_parent(self) -> None:
        """In a forked child: as :meth:`remove` without the thread, which only the parent has."""
        self._reading = threading.RLock()
        if self._pipe is not None:
            self._put_back()
            for end in self._pipe:
                end.close()
            self._pipe = None

    def _put_back(self) -> None:
        for number, before in self._before.items():
            if signal.getsignal(number) is self._ours[number]:
                signal.signal(number, before)
        self._wake_up.remove()
        self._before, self._ours = {}, {}

    def wait_if_dying(self) -> None:
        """Wait for the end of the process, if a signal is ending it: its runs have to be seen before."""
        self._read()
        if self._deadly:
            self._tell(_WAKE)  # the thread may not have read it
            time.sleep(GRACE_SECONDS)

    def _over(self, before: Any) -> Callable[[int, FrameType | None], None]:
        """A new handler each time: another one may still call the one that it found at an earlier time."""

        def handle(number: int, frame: FrameType | None) -> None:
            if self._ours.get(number) is handle:
                if self._deadly and self._handled:  # sent again: no more patience
                    _die(number)
                self._handled = True
                ends = before == signal.SIG_DFL and signal.getsignal(number) is handle
                self._tell(_ENDS + number if ends else number)
            if callable(before):
                before(number, frame)

        return handle

    def _tell(self, number: int) -> None:
        if self._pipe is not None:
            with contextlib.suppress(OSError):  # full: there is enough to read
                self._pipe[1].send(bytes([number]))

    def _read(self, receiver: socket.socket | None = None) -> bool:
        """Take note of the signals that have come.

        Args:
            receiver: Where to read, if that is still the pipe; by default the pipe.

        Returns:
            Whether more can come.
        """
        with self._reading:
            if self._pipe is None or (receiver is not None and receiver is not self._pipe[0]):
                return False
            with contextlib.suppress(BlockingIOError):
                for number in self._pipe[0].recv(4096):
                    self._note(number)
            return True

    def _note(self, told: int) -> None:
        if told == _HAS_RUN:
            self._undecided = 0
            return
        number = told % _ENDS
        self._by_keyboard += number == signal.SIGINT
        if number not in self._before:
            return
        if self._arrived is None:
            self._arrived = time.monotonic()
        if told != number:
            self._deadly = number
        elif self._before[number] == signal.SIG_DFL and signal.getsignal(number) is self._ours[number]:
            self._undecided = number
            self._ask_main_thread()
            self._tell(_WAKE)  # another thread may have read it

    def _ask_main_thread(self) -> None:
        """Have the main thread write to the pipe once it runs: before that it calls the handlers of signals that came."""
        with contextlib.suppress(Exception):
            import ctypes  # numpy has loaded it

            if self._answer is None:  # made once, as an earlier question may still be open
                self._answer = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(self._say_that_it_runs)
            ctypes.pythonapi.Py_AddPendingCall(self._answer, None)

    def _say_that_it_runs(self, _: object) -> int:
        self._tell(_HAS_RUN)
        return 0

    def _watch(self, receiver: socket.socket) -> None:
        with receiver, selectors.DefaultSelector() as selector:
            selector.register(receiver, selectors.EVENT_READ)
            while True:
                if not selector.select(HUNG_SECONDS if self._undecided else None):
                    self._deadly = self._undecided
                elif not self._read(receiver):
                    break
                if self._deadly:
                    try:
                        self._end_runs(GRACE_SECONDS)
                    finally:
                        _die(self._deadly)


def _die(number: int) -> None:
    """Let the signal end the process, from any thread; Python's own ``signal.signal`` needs the main one."""
    with contextlib.suppress(Exception):
        import ctypes  # numpy has loaded it

        ctypes.CDLL(None).signal(number, 0)
        os.kill(os.getpid(), number)
        time.sleep(STUBBORN_SECONDS)
    os._exit(128 + number)
