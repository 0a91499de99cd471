"""``traingauge sd``: serve the announced runs to a Prometheus that does not see their directory."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from traingauge.cli import runs
from traingauge.delivery import credentials
from traingauge.delivery.discovery import default_directory
from traingauge.delivery.http.access import Access
from traingauge.delivery.http.hosts import is_loopback
from traingauge.delivery.plain_text import printable
from traingauge.delivery.target_list import TargetList
from traingauge.errors import TrainGaugeError
from traingauge.stack.local import LocalHandler, LocalServer
from traingauge.stack.signals import signals_as_exceptions

SUMMARY = "Serve the announced runs to a Prometheus that does not see their directory."

#: Where it listens, unless it is set.
HOST, PORT = "127.0.0.1", 9096

#: The last port that there is.
LAST_PORT = 65_535

#: Seconds between two looks into the directory, and how many times longer than a look they are at least.
EVERY, REST = 2.0, 10.0

#: Seconds after its last question for which a Prometheus counts as one that reads the files.
ASKED_SECONDS = 300.0


class TokenError(TrainGaugeError, ValueError):
    """The token file holds none."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    runs.announcements(parser)
    parser.add_argument("--host", default=HOST, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=PORT, help="port to listen on (default: %(default)s)")
    parser.add_argument("--token-file", type=Path, help="bearer token that a client has to show")


def run(options: argparse.Namespace) -> None:
    """Serve until Ctrl-C, SIGTERM or SIGHUP.

    Raises:
        TokenError: The token file holds no token.
        OSError: The port is taken, or the token file cannot be read.
    """
    service = Service(options.directory or default_directory(), _token(options.token_file))
    with signals_as_exceptions():
        serve(service, options.host, options.port, forever)


def serve(service: Service, host: str, port: int, wait: Callable[[], None]) -> None:
    """Serve while ``wait`` waits.

    Args:
        service: What.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        wait: Returns, or raises, when it is over.

    Raises:
        OSError: The port is taken.
    """
    service.refresh()
    with LocalServer("sd", _handler(service, local=is_loopback(host)), port=port, host=host) as server:
        sys.stdout.write(f"{server.url}/ lists the runs in {service.directory}\n")
        sys.stdout.flush()
        threading.Thread(target=service.follow, name="sd-directory", daemon=True).start()
        try:
            wait()
        finally:
            service.over.set()


def forever() -> None:
    """Wait for a signal."""
    while True:
        time.sleep(3600)


class Service:
    """The list of targets, followed and answered.

    Args:
        directory: Where runs announce themselves.
        token: That a client has to show; ``None`` for none.

    Attributes:
        directory: As given.
        over: Ends :meth:`follow`.
    """

    def __init__(self, directory: Path, token: str | None) -> None:
        self.directory, self.over = directory, threading.Event()
        self._list, self._access = TargetList(directory), Access(token=token)
        self._asked_until = 0.0
        self._said = ""

    def follow(self) -> None:
        """Look into the directory now and then until it is over."""
        took = 0.0
        while not self.over.wait(max(EVERY, REST * took)):
            began = time.monotonic()
            self.refresh()
            took = time.monotonic() - began

    def refresh(self) -> None:
        """Look into the directory; what is wrong is said once on standard error."""
        try:
            self._list.refresh(noticed=time.monotonic() < self._asked_until)
            problem = "; ".join(self._list.skipped[:3])
        except OSError as error:
            problem = f"{self.directory} cannot be read: {error.strerror}; the list stays as it was"
        if problem and problem != self._said:
            sys.stderr.write(f"traingauge: {printable(problem)}\n")
        self._said = problem

    def answer(self, path: str, authorization: str) -> tuple[HTTPStatus, bytes]:
        """Status and body of an answer.

        An error answers no empty list: Prometheus keeps the targets that it has.
        """
        if path != "/":
            return HTTPStatus.NOT_FOUND, b"the list is at /\n"
        if not self._access.allows(authorization):
            return HTTPStatus.UNAUTHORIZED, b"expected the bearer token\n"
        self._asked_until = time.monotonic() + ASKED_SECONDS
        if self._list.text is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, b"the directory could not be read yet\n"
        return HTTPStatus.OK, self._list.text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r}: expected 0 to {LAST_PORT}")
    return int(text)


def _token(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return credentials.secret(file)
    except ValueError as error:
        raise TokenError(f"{file}: {error}") from None


def _handler(service: Service, *, local: bool) -> type[LocalHandler]:
    class Handler(LocalHandler):
        def get(self) -> None:
            if local and not self.is_expected():
                self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
                return
            status, body = service.answer(self.path, self.headers.get("Authorization", ""))
            kind = "application/json" if status == HTTPStatus.OK else "text/plain"
            self.answer(status, body.decode(), kind)

    return Handler
