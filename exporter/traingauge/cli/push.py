"""``traingauge push``: send what an ended run has left in its state directory to a receiver of remote write."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.collectors.scores import RECORDS
from traingauge.delivery.remote_write.client import Client
from traingauge.delivery.remote_write.cursor import CursorFile
from traingauge.delivery.remote_write.errors import GIVEN_UP, UnavailableError
from traingauge.delivery.remote_write.history import History
from traingauge.delivery.remote_write.rows import RowSeries
from traingauge.delivery.remote_write.sender import FIRST_RETRY, LONGEST_RETRY, Sender
from traingauge.delivery.remote_write.setting import PROTOCOLS, RemoteWrite
from traingauge.errors import StateLockError, TrainGaugeError, UnsupportedPlatformError
from traingauge.state.lock import Lock
from traingauge.state.log import Extent
from traingauge.state.saved_rows import SavedRows
from traingauge.state.store import newest

SUMMARY = "Send the steps of a saved run that a receiver of remote write does not have yet."


class UnsentError(TrainGaugeError, ConnectionError):
    """The receiver did not take all of it in time."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("directory", type=Path, help="the run's state directory")
    parser.add_argument("--to", required=True, metavar="URL", help="where the receiver takes requests")
    parser.add_argument(
        "--header", action="append", default=[], metavar="NAME=VALUE", help="a header of each request"
    )
    parser.add_argument("--username", help="name for basic authentication")
    parser.add_argument("--credentials-file", type=Path, help="file with a bearer token, or the password")
    parser.add_argument(
        "--every", type=int, default=1, help="send every n-th training step (default: %(default)s)"
    )
    parser.add_argument("--protocol", choices=PROTOCOLS, default="auto", help="default: %(default)s")
    parser.add_argument(
        "--wait",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for a receiver that does not answer (default: %(default)g)",
    )


def run(options: argparse.Namespace) -> None:
    """Send what is left.

    Raises:
        FileNotFoundError: The directory holds no state.
        DamagedFileError: No saved copy can be read.
        StateInUseError: The run still trains, and sends itself.
        UnsentError: The receiver did not take all of it in time.
        TrainGaugeError: An option that does not fit.
    """
    saved = newest(options.directory, RECORDS)
    if saved is None:
        raise FileNotFoundError(f"{options.directory} holds no state of a run")
    setting = RemoteWrite(
        options.to,
        headers=dict(header.partition("=")[::2] for header in options.header),
        username=options.username,
        credentials_file=options.credentials_file,
        every=options.every,
        protocol=options.protocol,
    )
    client, counts = setting.client(), DeliveryCounts()
    with _reserved(options.directory):
        history = History(
            SavedRows(options.directory, Extent.restored(saved.tree["log"])),
            RowSeries(saved.identity, setting.every),
            Sender(client.post, counts, repeated=True),
            CursorFile(options.directory, setting.receiver),
            counts,
            _report,
        )
        try:
            _send(history, client, options.wait)
        finally:
            client.close()
            sys.stdout.write(_summary(history, counts))


def _send(history: History, client: Client, wait: float) -> None:
    client.ask_for_time()  # this clock may be wrong
    pause, until = FIRST_RETRY, time.monotonic() + wait
    while True:
        try:
            if history.send(client.now(), client.latest()):
                return
            client.ask_for_time()
            error: Exception = UnsentError("the receiver's clock is behind the times of the last steps")
        except UnavailableError as unavailable:
            error, pause = unavailable, max(pause, unavailable.wait)
        if time.monotonic() + pause > until:
            left = f"{history.pending} rows are left: once the receiver takes them, run the command again"
            raise UnsentError(f"{error}; {left}")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_RETRY)


@contextmanager
def _reserved(directory: Path) -> Iterator[None]:
    """Keep a run from starting in the directory meanwhile, where files can be locked and written."""
    try:
        lock = Lock(directory / "traingauge.lock")
    except (UnsupportedPlatformError, StateLockError, PermissionError):
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _report(error: Exception) -> None:
    sys.stderr.write(f"traingauge: {error}\n")


def _summary(history: History, counts: DeliveryCounts) -> str:
    given_up = {reason: count for reason, count in counts.dropped.items() if count}
    lines = [f"{history.taken} samples were delivered, {sum(given_up.values())} given up\n"]
    lines += [f"  {count}: {GIVEN_UP[reason]}\n" for reason, count in given_up.items()]
    return "".join(lines)
