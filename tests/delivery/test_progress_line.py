"""The line in the terminal of a training script."""

from __future__ import annotations

import errno
import fcntl
import io
import math
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import textwrap

import pytest

from tests.waiting import wait_until
from traingauge import ModelMonitor
from traingauge.delivery.progress_line import EVERY_ELSEWHERE, ProgressLine
from traingauge.errors import InvalidArgumentError

SCRIPT = """
    import sys, time
    from traingauge import ModelMonitor
    from traingauge.delivery.progress_line import ProgressLine

    with ModelMonitor("digits", run="r1", total_steps=4, delivery=[ProgressLine(every=0.1)]) as monitor:
        monitor.step(loss=0.5)
        sys.stdin.readline()
"""

WITH_TQDM = """
    import sys, time
    from tqdm import tqdm
    from traingauge import ModelMonitor
    from traingauge.delivery.progress_line import ProgressLine

    with ModelMonitor("digits", run="r1", delivery=[ProgressLine(every=0.1)]) as monitor:
        with tqdm(total=2, desc="bar") as bar:
            monitor.step(loss=0.5)
            sys.stdin.readline()
"""


class Terminal:
    """A script in a terminal; what it wrote so far."""

    def __init__(self, script: str) -> None:
        self._end, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)], stdin=subprocess.PIPE, stderr=theirs, text=True
        )
        os.close(theirs)
        self.written = ""

    def wait_for(self, pattern: str) -> None:
        def found() -> bool:
            if select.select([self._end], [], [], 0.1)[0]:
                self.written += os.read(self._end, 65_536).decode()
            return re.search(pattern, self.written) is not None

        wait_until(found)

    def end(self) -> str:
        self._process.communicate("\n", timeout=60)
        while True:
            try:
                self.written += os.read(self._end, 65_536).decode()
            except OSError:  # all that was written has been read
                os.close(self._end)
                return self.written


def test_in_a_terminal_one_line_is_drawn_over_and_over_until_the_last_one_stays():
    terminal = Terminal(SCRIPT)
    terminal.wait_for(r"\rdigits r1: step 1/4 \(25%\), loss 0\.5.*\rdigits r1: step 1")
    written = terminal.end()
    assert written.count("\n") == 1
    assert "digits r1 finished: step 1/4 (25%), loss 0.5, after " in written.rstrip().split("\r")[-1]


def test_bars_of_tqdm_are_not_cut_through():
    terminal = Terminal(WITH_TQDM)
    terminal.wait_for(r"digits r1: step 1, loss 0\.5\r?\n")
    terminal.wait_for(r"digits r1: step 1, loss 0\.5\r?\n[^\n]*bar:[^\n]*")
    assert "finished" in terminal.end()


def test_elsewhere_each_line_stays(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with ModelMonitor("digits", run="r1", delivery=[ProgressLine(every=0.1)]) as monitor:
        monitor.step(loss=math.nan)
        wait_until(lambda: log.getvalue().count("\n") >= 2)
    assert log.getvalue().splitlines()[0].startswith("digits r1: step 1, loss nan")


def test_the_last_line_says_how_the_run_ended(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with pytest.raises(RuntimeError), ModelMonitor("digits", run="r1", delivery=[], progress=True):
        raise RuntimeError
    assert log.getvalue().startswith("digits r1 failed: no step yet") or "after" in log.getvalue()
    assert log.getvalue().count("\n") == 1, f"none before {EVERY_ELSEWHERE} s"


class HungUp(io.StringIO):
    """A terminal that is gone."""

    def write(self, text):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_terminal_that_is_gone_is_counted_and_training_continues(monkeypatch, caplog):
    monkeypatch.setattr(sys, "stderr", HungUp())
    with ModelMonitor("digits", run="r1", delivery=[ProgressLine(every=0.1)]) as monitor:
        monitor.step(loss=0.5)
        wait_until(lambda: os.strerror(errno.EIO) in caplog.text)
        monitor.step(loss=0.25)
    assert monitor.rows()["loss"].tolist() == [0.5, 0.25]


def test_a_pause_too_short_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"ProgressLine\.every"):
        ProgressLine(every=0)


def test_no_line_is_drawn_unless_it_is_asked_for(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with ModelMonitor("digits", run="r1", delivery=[]) as monitor:
        monitor.step(loss=0.5)
    assert log.getvalue() == ""


WITHOUT_STANDARD_ERROR = """
    import os, sys, threading
    from traingauge import ModelMonitor
    from traingauge.delivery.progress_line import DrawnProgress, ProgressLine

    drawn, draw = threading.Semaphore(0), DrawnProgress._draw
    DrawnProgress._draw = lambda self: (draw(self), drawn.release())
    sys.stderr = {stderr}
    with ModelMonitor("digits", delivery=[ProgressLine(every=0.1)], progress=True) as monitor:
        monitor.step(loss=0.5)
        drawn.acquire(timeout=60)
        drawn.acquire(timeout=60)
    print(monitor._recorder.guard.errors["delivery"], monitor.state)
"""


@pytest.mark.parametrize(
    "stderr", ["None", "os.fdopen(os.dup(2), 'w'); sys.stderr.close()"], ids=["none", "closed"]
)
def test_without_standard_error_there_is_no_line_and_nothing_fails(stderr):
    script = textwrap.dedent(WITHOUT_STANDARD_ERROR.format(stderr=stderr))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.stdout, done.stderr) == ("0 finished\n", "")
