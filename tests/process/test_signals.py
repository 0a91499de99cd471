"""Signals end the runs of a process, and leave everything else about signals to the script."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Never

import pytest
import requests

from tests.waiting import PATIENCE, wait_until
from traingauge import ModelMonitor
from traingauge.errors import InvalidTypeError
from traingauge.process.signals import Signals

AS_PROMETHEUS = {"X-Prometheus-Scrape-Timeout-Seconds": "5"}

HEAD = """
import asyncio, os, signal, sys, threading, time
from traingauge import Endpoint, ModelMonitor

def train():
    while True:
        monitor.step(loss=1.0)
        time.sleep(0.01)

def say(*what):
    print(*what, flush=True)
"""


pytestmark = pytest.mark.usefixtures("default_handlers")


def script(body: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + body],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def rest(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit status, and what is left of the output, once its input has ended."""
    said, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, said.strip()


def run(body: str) -> tuple[int, str]:
    return rest(script(body))


def scrape(url: str) -> str:
    return requests.get(f"{url}/metrics", headers=AS_PROMETHEUS, timeout=PATIENCE).text


def scrape_and_let_it_be_noted(url: str) -> None:
    scrape(url)
    requests.get(f"{url}/healthz", timeout=PATIENCE)  # one thread answers: it notes the scrape first


def test_a_terminated_run_stays_until_its_end_was_scraped_and_trains_no_further(tmp_path: Path) -> None:
    process = script(
        f"monitor = ModelMonitor('m', run='r', delivery=[Endpoint(discovery_dir={str(tmp_path)!r})])\n"
        "say(monitor.url)\ntrain()"
    )
    url = line(process)
    scrape_and_let_it_be_noted(url)
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: 'state="interrupted"} 1.0' in requests.get(f"{url}/metrics", timeout=PATIENCE).text)
    assert process.poll() is None
    assert 'state="interrupted"} 1.0' in scrape(url)
    assert rest(process) == (-signal.SIGTERM, "")
    assert not list(tmp_path.glob("*.json"))


SLOW = """
class Slow:
    def start(self, run):
        say('starting')
        {waits}
        raise KeyError
"""


def starting(directory: Path, waits: str, before: str = "") -> subprocess.Popen[str]:
    """A process whose run has been announced, and which starts something else until its input ends."""
    process = script(
        f"{before}\n{SLOW.format(waits=waits)}\nmonitor = ModelMonitor('m', run='r', "
        f"delivery=[Endpoint(discovery_dir={str(directory)!r}, wait_for_scrape=False), Slow()])\ntrain()"
    )
    assert line(process) == "starting"
    assert list(directory.glob("*.json"))
    return process


def test_a_signal_while_a_run_starts_ends_it_once_it_has_started(tmp_path: Path) -> None:
    process = starting(tmp_path, waits="sys.stdin.readline()")
    process.send_signal(signal.SIGTERM)
    status, _ = rest(process)
    assert status == -signal.SIGTERM
    assert not list(tmp_path.glob("*.json"))


def test_a_signal_while_a_run_starts_that_fails_to_leaves_nothing_of_it(tmp_path: Path) -> None:
    process = starting(
        tmp_path,
        waits="sys.stdin.readline(); raise TrainGaugeError",
        before="from traingauge.errors import TrainGaugeError",
    )
    process.send_signal(signal.SIGTERM)
    rest(process)
    assert not list(tmp_path.glob("*.json"))


def test_a_handler_that_exits_while_a_run_starts_leaves_nothing_of_it(tmp_path: Path) -> None:
    process = starting(
        tmp_path, waits="sys.stdin.readline()", before="signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))"
    )
    process.send_signal(signal.SIGTERM)
    assert rest(process) == (3, "")
    assert not list(tmp_path.glob("*.json"))


def test_the_handlers_of_the_script_are_back_after_a_run_that_could_not_start() -> None:
    before = signal.getsignal(signal.SIGTERM)

    class Refusing:
        def start(self, run: object) -> Never:
            raise InvalidTypeError("it is refused")

    with pytest.raises(InvalidTypeError, match="it is refused"):
        ModelMonitor("m", delivery=[Refusing()])
    assert signal.getsignal(signal.SIGTERM) is before


#: An event loop that handles signals comes and goes.
LOOP = (
    "async def main():\n"
    "    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)\n"
    "asyncio.run(main())\n"
)

MONITOR = "monitor = ModelMonitor('m', run='r', delivery=[Endpoint(discovery_dir=False)])\n"


@pytest.mark.parametrize(
    "before",
    [
        MONITOR,
        MONITOR + LOOP,
        "async def start():\n"
        "    global monitor\n"
        "    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: None)\n"
        f"    {MONITOR}"
        "asyncio.run(start())\n",
    ],
    ids=["no-loop", "a-loop-came-and-went", "started-in-a-loop"],
)
def test_a_signal_ends_a_process_whose_main_thread_hangs_outside_of_python(before: str) -> None:
    process = script(
        f"import ctypes\n{before}"
        "say(monitor.url)\n"
        "library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)\n"
        "library.pthread_mutex_lock(mutex), library.pthread_mutex_lock(mutex)"
    )
    url = line(process)
    scrape_and_let_it_be_noted(url)
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: 'state="interrupted"} 1.0' in requests.get(f"{url}/metrics", timeout=PATIENCE).text)
    scrape(url)
    assert rest(process) == (-signal.SIGTERM, "")


def test_signals_that_come_while_the_main_thread_computes_end_the_process_once_it_is_back() -> None:
    status, said = run(
        "import ctypes\n"
        "monitor = ModelMonitor('m', delivery=[])\n"
        "def send():\n"
        "    for _ in range(3):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(0.1)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"  # so that none cuts the computation short
        "threading.Thread(target=send).start()\n"
        "ctypes.CDLL(None).usleep(1_000_000)\n"
        "time.sleep(3600)"
    )
    assert (status, said) == (-signal.SIGTERM, "")


def test_a_signal_that_is_sent_again_ends_the_process_at_once(tmp_path: Path) -> None:
    process = script(
        "monitor = ModelMonitor('m', delivery=[Endpoint(discovery_dir=False)])\nsay(monitor.url)\ntrain()"
    )
    url = line(process)
    scrape_and_let_it_be_noted(url)
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: 'state="interrupted"} 1.0' in requests.get(f"{url}/metrics", timeout=PATIENCE).text)
    process.send_signal(signal.SIGTERM)
    assert rest(process) == (-signal.SIGTERM, "")


def test_a_handler_of_the_script_runs_and_decides_what_happens() -> None:
    status, said = run(
        "signal.signal(signal.SIGTERM, lambda number, frame: say('saved', number))\n"
        "with ModelMonitor('m', delivery=[]) as monitor:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    monitor.step(loss=1.0)\n"
        "say(monitor.state)"
    )
    assert (status, said.split("\n")) == (0, ["saved 15", "interrupted"])


def test_a_handler_that_was_there_for_a_moment_decides_although_the_signal_is_read_after_it() -> None:
    status, said = run(
        "monitor = ModelMonitor('m', delivery=[])\n"
        "sys.setswitchinterval(3600)\n"  # no other thread runs until the handler is gone
        "before = signal.signal(signal.SIGTERM, lambda number, frame: say('saved'))\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "signal.signal(signal.SIGTERM, before)\n"
        "sys.setswitchinterval(0.005)\n"
        "for _ in range(50):\n"
        "    monitor.step(loss=1.0)\n"
        "    time.sleep(0.01)\n"
        "monitor.close()\n"
        "say(monitor.state)"
    )
    assert (status, said.split("\n")) == (0, ["saved", "interrupted"])


def test_a_framework_that_calls_the_handler_before_its_own_still_decides_what_happens() -> None:
    status, said = run(
        "monitor = ModelMonitor('m', delivery=[])\n"
        "before = signal.getsignal(signal.SIGTERM)\n"
        "signal.signal(signal.SIGTERM, lambda *given: before(*given))\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "monitor.step(loss=1.0)\n"
        "monitor.close()\n"
        "say(monitor.state)"
    )
    assert (status, said) == (0, "interrupted")


def test_a_run_after_one_that_a_signal_interrupted_ends_as_itself() -> None:
    status, said = run(
        "signal.signal(signal.SIGTERM, lambda number, frame: None)\n"
        "for number in (signal.SIGTERM, 0):\n"
        "    with ModelMonitor('m', delivery=[]) as monitor:\n"
        "        os.kill(os.getpid(), number)\n"
        "    say(monitor.state)"
    )
    assert (status, said.split("\n")) == (0, ["interrupted", "finished"])


def test_a_forked_child_dies_of_the_signal_as_ever_and_its_parents_run_continues() -> None:
    status, said = run(
        "with ModelMonitor('m', delivery=[]) as monitor:\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        signal.pause()\n"
        "    os.kill(pid, signal.SIGTERM)\n"
        "    say(os.waitpid(pid, 0)[1], monitor.state)\n"
        "say(monitor.state)"
    )
    assert (status, said.split("\n")) == (0, ["15 running", "finished"])


def test_a_forked_child_has_the_handlers_of_the_script() -> None:
    status, said = run(
        "with ModelMonitor('m', delivery=[]):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        os._exit(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)\n"
        "    say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    assert (status, said) == (0, "1")


def test_a_run_in_asyncio_leaves_its_signals_to_it() -> None:
    status, said = run(
        "async def main():\n"
        "    stop = asyncio.Event()\n"
        "    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)\n"
        "    with ModelMonitor('m', delivery=[]) as monitor:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        await stop.wait()\n"
        "        say('stopped')\n"
        "    say(monitor.state)\n"
        "asyncio.run(main())"
    )
    assert (status, said.split("\n")) == (0, ["stopped", "interrupted"])


@pytest.mark.parametrize(("since", "left"), [(0.0, 25.0), (20.0, 5.0), (27.0, 0.0), (60.0, None)])
def test_a_process_that_outlives_the_usual_grace_period_has_been_granted_more(
    since: float, left: float | None
) -> None:
    signals = Signals(lambda at_most: None)
    assert signals.left is None
    signals._arrived = time.monotonic() - since
    assert signals.left == (None if left is None else pytest.approx(left, abs=PATIENCE / 1000))


def test_monitoring_that_is_switched_off_leaves_the_process_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "1")
    before = sys.exit, threading.excepthook
    with ModelMonitor("m"):
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        assert (sys.exit, threading.excepthook) == before


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ModelMonitor("m", delivery=[]):
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL


def test_everything_is_put_back_when_the_last_run_ends() -> None:
    def mine(number: int, frame: FrameType | None) -> None:
        pass

    signal.signal(signal.SIGHUP, mine)
    before = sys.exit, threading.excepthook, signal.set_wakeup_fd
    one = ModelMonitor("m", delivery=[])
    ModelMonitor("m", delivery=[]).close()
    assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    one.close()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)) == (signal.SIG_DFL, mine)
    assert (sys.exit, threading.excepthook, signal.set_wakeup_fd) == before
    assert signal.set_wakeup_fd(-1) == -1
    wait_until(lambda: not any(one.name == "traingauge-signals" for one in threading.enumerate()))


ENDED_BY_A_THREAD = (
    "monitor = ModelMonitor('m', delivery=[])\n"
    "thread = threading.Thread(target=monitor.close)\n"
    "thread.start()\n"
    "thread.join()\n"
)


def test_after_a_run_that_another_thread_ended_a_signal_ends_the_process_as_ever() -> None:
    status, said = run(ENDED_BY_A_THREAD + "os.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()")
    assert (status, said) == (-signal.SIGTERM, "")


def test_the_next_run_that_the_main_thread_ends_puts_everything_back() -> None:
    status, said = run(
        ENDED_BY_A_THREAD
        + "ModelMonitor('m', delivery=[]).close()\nsay(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)"
    )
    assert (status, said) == (0, "True")


def test_a_library_that_wraps_what_a_run_has_set_keeps_working_through_the_next_run() -> None:
    status, said = run(
        "def before(number, frame): say('script')\n"
        "signal.signal(signal.SIGTERM, before)\n"
        "one = ModelMonitor('m', delivery=[])\n"
        "exit, died, handler = sys.exit, threading.excepthook, signal.getsignal(signal.SIGTERM)\n"
        "def leave(status=None): say('library exit'); exit(status)\n"
        "def hook(args): say('library hook'); died(args)\n"
        "def handle(*given): say('library'); handler(*given)\n"
        "sys.exit, threading.excepthook = leave, hook\n"
        "signal.signal(signal.SIGTERM, handle)\n"
        "one.close()\n"
        "two = ModelMonitor('m', delivery=[])\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "thread = threading.Thread(target=lambda: 1 / 0)\n"
        "thread.start()\n"
        "thread.join()\n"
        "sys.exit(3)"
    )
    assert status == 3
    assert said.count("script") == said.count("library hook") == said.count("library exit") == 1
    assert said.count("ZeroDivisionError") == 1


def test_a_handler_that_was_set_during_the_run_stays() -> None:
    def mine(number: int, frame: FrameType | None) -> None:
        pass

    with ModelMonitor("m", delivery=[]):
        signal.signal(signal.SIGTERM, mine)
    assert signal.getsignal(signal.SIGTERM) == mine


def test_a_pipe_of_the_script_stays() -> None:
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    with receiver, sender:
        signal.set_wakeup_fd(sender.fileno())
        with ModelMonitor("m", delivery=[]):
            pass
        assert signal.set_wakeup_fd(-1) == sender.fileno()


def test_a_pipe_that_the_script_sets_during_the_run_is_used_until_it_takes_it_back() -> None:
    receiver, sender = socket.socketpair()
    receiver.setblocking(False)
    sender.setblocking(False)
    with receiver, sender, ModelMonitor("m", delivery=[]):
        assert signal.set_wakeup_fd(sender.fileno()) == -1, "that of the run is none of the script's"
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        signal.raise_signal(signal.SIGTERM)
        assert receiver.recv(1) == bytes([signal.SIGTERM])
        assert signal.set_wakeup_fd(-1, warn_on_full_buffer=False) == sender.fileno()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(BlockingIOError):
            receiver.recv(1)


def test_a_run_of_another_thread_sets_no_handlers() -> None:
    states: list[object] = []

    def train() -> None:
        with ModelMonitor("m", delivery=[]) as monitor:
            states.append(signal.getsignal(signal.SIGTERM))
        states.append(monitor.state)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join(PATIENCE)
    assert states == [signal.SIG_DFL, "finished"]


def test_a_handler_may_close_a_run_that_its_thread_is_reading(tmp_path: Path) -> None:
    status, said = run(
        "from traingauge import State\n"
        f"monitor = ModelMonitor('m', delivery=[], state=State({str(tmp_path)!r}))\n"
        "monitor.step(loss=1.0)\n"
        "def close(*_):\n"
        "    monitor.step(loss=2.0)\n"
        "    say(len(monitor.rows()['loss']))\n"
        "    monitor.close()\n"
        "signal.signal(signal.SIGUSR1, close)\n"
        "with monitor._recorder.queue.drained():\n"
        "    os.kill(os.getpid(), signal.SIGUSR1)\n"
        "while monitor.state == 'running':\n"
        "    time.sleep(0.01)\n"
        "say(monitor.state, len(monitor.rows()['loss']))"
    )
    assert (status, said.split("\n")) == (0, ["1", "finished 2"])


def test_a_handler_may_close_a_run_that_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "1")
    monitor = ModelMonitor("m")
    with monitor._recorder.queue.drained():
        monitor.close()
    assert monitor.state == "finished"


def test_a_handler_that_closes_a_run_does_not_wait_for_the_thread_that_it_interrupts() -> None:
    process = script(
        "endpoint = Endpoint(discovery_dir=False, wait_for_scrape=True)\n"
        "monitor = ModelMonitor('m', run='r', delivery=[endpoint])\n"
        "say(monitor.url)\n"
        "signal.signal(signal.SIGTERM, lambda *_: (say('closing'), monitor.close(), say('closed')))"
    )
    url = line(process)
    wait_until(lambda: 'state="finished"} 1.0' in requests.get(f"{url}/metrics", timeout=PATIENCE).text)
    process.send_signal(signal.SIGTERM)
    assert line(process) == "closing"
    scrape(url)
    assert rest(process) == (0, "closed")
