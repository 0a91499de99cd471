"""The matrix of ends: how each way in which a process can end is reported, with and without ``with``."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

#: Further interpreters that have numpy and requests, divided as in ``PATH``.
PYTHONS = [
    sys.executable,
    *filter(None, os.environ.get("TRAINGAUGE_TEST_PYTHONS", "").split(os.pathsep)),
]

SCRIPT = """
import argparse, ctypes, hashlib, os, signal, sys, threading, time
from pathlib import Path
from traingauge import ModelMonitor
from traingauge.testing import samples

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have made it ignored

class Told:
    url, linger = None, 0.0

    def start(self, run):
        self.run = run
        self.finish(0.0, 0.0)
        return self

    def finish(self, ended, deadline):
        found = samples(self.run.families(lambda: None))
        (info,) = (dict(labels) for name, labels in found if name == "model_run_info")
        (state,) = (dict(labels)["state"] for (name, labels), value in found.items() if name == "model_run_state" and value)
        Path({told!r}).write_text(f"{{state}} {{info.get('exception', '')}}".strip())

    def close(self):
        pass

def send(number):
    os.kill(os.getpid(), number)
    while True:
        signal.pause()

def train():
    monitor.step(loss=1.0)
    raise ValueError

def dead_thread(steps_after=0):
    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    for _ in range(steps_after):
        monitor.step(loss=1.0)

def interrupted_by_framework():
    try:
        send(signal.SIGINT)
    except KeyboardInterrupt:
        sys.exit(1)

def interrupted_by_lightning():
    try:
        send(signal.SIGINT)
    except KeyboardInterrupt:
        exit(1)

def interrupted_by_a_handler():
    signal.signal(signal.SIGINT, lambda *_: sys.exit(1))
    send(signal.SIGINT)

def noted_and_left():
    try:
        send(signal.SIGINT)
    except KeyboardInterrupt:
        status = 1
    sys.exit(status)

def stopped_by_framework(code):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(code))
    send(signal.SIGTERM)

def caught_exit():
    try:
        sys.exit(1)
    except SystemExit:
        pass

def hung():
    threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGTERM]).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # minutes without a look at a signal

monitor = ModelMonitor("m", run="r", delivery=[Told()])
monitor.step(loss=1.0)
{body}
"""

#: The end, the state that it is reported as, and the exit status.
ENDS = [
    ("pass", "finished", 0),
    ("sys.exit()", "finished", 0),
    ("sys.exit(0)", "finished", 0),
    ("sys.exit(1)", "failed SystemExit", 1),
    ("sys.exit('no data')", "failed SystemExit", 1),
    ("exit(1)", "failed SystemExit", 1),
    ("quit()", "finished", 0),
    ("argparse.ArgumentParser().parse_args(['--nonsense'])", "failed SystemExit", 2),
    ("caught_exit()", "finished", 0),
    ("raise ValueError", "failed ValueError", 1),
    ("raise KeyboardInterrupt", "interrupted", -signal.SIGINT),
    ("send(signal.SIGINT)", "interrupted", -signal.SIGINT),
    ("interrupted_by_framework()", "interrupted", 1),
    ("interrupted_by_lightning()", "interrupted", 1),
    ("interrupted_by_a_handler()", "interrupted", 1),
    ("noted_and_left()", "interrupted", 1),
    ("send(signal.SIGTERM)", "interrupted", -signal.SIGTERM),
    ("send(signal.SIGHUP)", "interrupted", -signal.SIGHUP),
    ("hung()", "interrupted", -signal.SIGTERM),
    ("stopped_by_framework(None)", "interrupted", 0),
    ("stopped_by_framework(143)", "interrupted", 143),
    ("send(signal.SIGKILL)", "running", -signal.SIGKILL),
    ("os._exit(0)", "running", 0),
    ("dead_thread()", "failed ValueError", 0),
    ("dead_thread(steps_after=1)", "finished", 0),
]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("block", ["with", "without"])
@pytest.mark.parametrize("expected", ENDS, ids=[end for end, _, _ in ENDS])
def test_each_end_of_a_process_is_reported_as_what_it_is(
    tmp_path: Path, python: str, block: str, expected: tuple[str, str, int]
) -> None:
    end, told, status = expected
    body = end if block == "without" else f"with monitor:\n{textwrap.indent(end, '    ')}"
    file = tmp_path / "told"
    done = subprocess.run(
        [python, "-c", SCRIPT.format(told=str(file), body=body)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (file.read_text(), done.returncode) == (told, status), done.stderr
    assert "Exception ignored" not in done.stderr


WORKER = """
import multiprocessing, os, sys
from traingauge import ModelMonitor

class Told:
    url, linger = None, 0.0

    def start(self, run):
        self.facts = run.facts
        return self

    def finish(self, ended, deadline):
        pass

    def close(self):
        os.write(1, self.facts()["State"].encode())

def caught_exit():
    try:
        sys.exit(1)
    except SystemExit:
        pass

def fail():
    raise ValueError

def work(end):
    monitor = ModelMonitor("m", run="r", delivery=[Told()])
    monitor.step(loss=1.0)
    eval(end)

if __name__ == "__main__":
    worker = multiprocessing.get_context({method!r}).Process(target=work, args=({end!r},))
    worker.start()
    worker.join()
"""


@pytest.mark.parametrize(
    ("method", "end", "state"),
    [
        ("fork", "None", "finished"),
        ("fork", "caught_exit()", "finished"),
        ("fork", "sys.exit(1)", "failed"),
        ("fork", "fail()", "failed"),
        ("spawn", "fail()", "failed"),
    ],
)
def test_each_end_of_a_worker_of_multiprocessing_is_reported_as_what_it_is(
    tmp_path: Path, method: str, end: str, state: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(WORKER.format(method=method, end=end))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout == state, done.stderr


@pytest.mark.parametrize(
    ("end", "state"), [("pass", "finished"), ("fail()", "failed"), ("sys.exit(1)", "failed")]
)
def test_each_end_of_a_script_that_ipython_runs_is_reported_as_what_it_is(
    tmp_path: Path, end: str, state: str
) -> None:
    definitions, _, _ = WORKER.partition("def work")
    script = tmp_path / "script.py"
    script.write_text(f"{definitions}\nmonitor = ModelMonitor('m', run='r', delivery=[Told()])\n{end}\n")
    done = subprocess.run(
        [sys.executable, "-m", "IPython", str(script)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")},
    )
    assert done.stdout.endswith(state), done.stdout + done.stderr


WAITING = """
import threading
import traingauge.ending
from traingauge import ModelMonitor

traingauge.ending.SILENT_SECONDS = 0.0

class Receiver:
    url, linger = None, 3000.0

    def start(self, run):
        return self

    def finish(self, ended, deadline):
        print("waiting", flush=True)
        threading.Event().wait()

    def close(self):
        print("closed", flush=True)

monitor = ModelMonitor("m", run="r", delivery=[Receiver()])
{end}
"""


def waiting(end: str) -> subprocess.Popen[str]:
    """A process that waits for an answer that never comes."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING.format(end=end)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    return process


def test_a_process_that_waits_for_a_delivery_says_which_one_and_how_long_at_most() -> None:
    process = waiting("monitor.close()")
    assert process.stderr is not None
    said = process.stderr.readline()
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert re.search(
        r"the process waits up to (3000|2\d\d\d) s until Receiver has delivered the end of run r of m", said
    )


#: Python 3.12 starts no thread while the interpreter shuts down; here none does.
AT_EXIT = """
import atexit

def start(thread):
    raise RuntimeError("can't create new thread at interpreter shutdown")

atexit.register(monitor.close)
atexit.register(setattr, threading.Thread, "start", start)
"""


@pytest.mark.parametrize(
    "end",
    ["pass", "monitor.close()", AT_EXIT],
    ids=["without an end", "ended", "ended by a function of atexit"],
)
def test_ctrl_c_ends_the_wait_at_the_exit_without_a_traceback(end: str) -> None:
    process = waiting(end)
    assert process.stderr is not None
    if end == "monitor.close()":
        process.stderr.readline()  # the main thread waits at the exit
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=PATIENCE)
    assert (said, process.returncode) == ("closed\n", 0)
    assert "Traceback" not in complaint


HELD = """
class Held:
    def flush(self):
        if Receiver.finish is not Held.finish:
            Receiver.finish = Held.finish
            print("waiting", flush=True)
            threading.Event().wait()

    def finish(self, ended, deadline):
        print(monitor.state, flush=True)

held = Held()
monitor.session.before_end(held.flush)
"""


def test_ctrl_c_while_a_run_ends_at_the_exit_still_ends_it_without_a_traceback() -> None:
    process = waiting(HELD)
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=PATIENCE)
    assert (said, process.returncode) == ("finished\nclosed\n", 0)
    assert "Traceback" not in complaint
