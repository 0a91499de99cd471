"""``traingauge sd``: serve the announced runs to a Prometheus that does not see their directory.

Where no directory is shared, runs register with it.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from ipaddress import ip_network
from pathlib import Path

from traingauge.cli import runs
from traingauge.cli.sd_job import introduction
from traingauge.delivery import credentials
from traingauge.delivery.announcement import LONGEST_REGISTRATION
from traingauge.delivery.discovery import default_directory
from traingauge.delivery.http.access import Access
from traingauge.delivery.http.hosts import is_loopback
from traingauge.delivery.leases import FullError, Leases, Network, TakenError
from traingauge.delivery.notes import Notes
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

#: The header of a request that comes again and again, as Prometheus and others that discover targets as it does send it.
REFRESHES = "X-Prometheus-Refresh-Interval-Seconds"

#: Seconds after its last question for which a Prometheus counts as one that reads the files.
ASKED_SECONDS = 300.0

#: In the directory of the runs: ends of registered ones.
NOTES = ".ended"


#: Path of the lease of a run, and of all of them.
_LEASE, _LEASES = re.compile(r"/runs/([0-9a-f]{32})"), "/runs"

#: Answers to a registration that is refused although it fits.
_REFUSED = {TakenError: HTTPStatus.CONFLICT, FullError: HTTPStatus.SERVICE_UNAVAILABLE}
_NO_REGISTRATION = HTTPStatus.NOT_FOUND, b"no run can register here: it needs --registration-token-file\n"
_NO_TOKEN = HTTPStatus.UNAUTHORIZED, b"expected the bearer token of runs\n"


class TokenError(TrainGaugeError, ValueError):
    """The token file is missing, or holds none."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    runs.announcements(parser)
    parser.add_argument("--host", default=HOST, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=PORT, help="port to listen on (default: %(default)s)")
    parser.add_argument("--token-file", type=Path, help="bearer token that a client has to show")
    parser.add_argument(
        "--registration-token-file", type=Path, help="bearer token by which runs may register"
    )
    parser.add_argument(
        "--network",
        type=_network,
        action="append",
        default=[],
        metavar="CIDR",
        help="where runs may serve besides at the address that they register from, as 10.0.0.0/8; may be repeated",
    )


def run(options: argparse.Namespace) -> None:
    """Serve until Ctrl-C, SIGTERM or SIGHUP.

    Raises:
        TokenError: A token file holds no token.
        OSError: The port is taken, a token file cannot be read, or the directory for runs that register not be made.
    """
    directory, token = options.directory or default_directory(), _token(options.registration_token_file)
    if token is not None:
        directory.mkdir(parents=True, exist_ok=True)  # there need not be runs that see it
    leases = None if token is None else Leases(options.network, notes=Notes(directory / NOTES))
    service = Service(directory, _token(options.token_file), leases, token)
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
        url = f"{server.url}/"
        sys.stdout.write(f"{url} lists {service.introduction}\n")
        sys.stdout.write(introduction(url, host, token=service.needs_token))
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
        leases: Runs that register; ``None`` if none may.
        registration_token: That a run has to show.

    Attributes:
        directory: As given.
        over: Ends :meth:`follow`.
    """

    def __init__(
        self,
        directory: Path,
        token: str | None,
        leases: Leases | None = None,
        registration_token: str | None = None,
    ) -> None:
        self.directory, self.over = directory, threading.Event()
        self._list, self._access = TargetList(directory), Access(token=token)
        self._leases, self._registers = leases, Access(token=registration_token)
        self._asked_until = 0.0
        self._said = ""

    @property
    def introduction(self) -> str:
        """What it lists, and how many of them it knows."""
        if self._leases is None:
            return f"the runs in {self.directory}: {len(self._list)} now"
        known = len(self._list) + len(self._leases)
        text = f"the runs in {self.directory}, and those that register: {known} now"
        if left := self._leases.settling:
            text += (
                f"\nFor the first {left:.0f} s it answers with an error, until all live runs have registered: "
                "Prometheus keeps the targets that it has meanwhile"
            )
        return text

    @property
    def needs_token(self) -> bool:
        """Whether a client of the list has to show one."""
        return not self._access.is_open

    def follow(self) -> None:
        """Look into the directory now and then until it is over."""
        took = 0.0
        while not self.over.wait(max(EVERY, REST * took)):
            began = time.monotonic()
            self.refresh()
            took = time.monotonic() - began

    def refresh(self) -> None:
        """Look into the directory; what is wrong is said once on standard error."""
        if self._leases is not None:
            self._leases.expire()
        try:
            self._list.refresh(noticed=self.is_asked)
            problem = "; ".join(self._list.skipped[:3])
        except OSError as error:
            problem = f"{self.directory} cannot be read: {error.strerror}; the list stays as it was"
        if problem and problem != self._said:
            sys.stderr.write(f"traingauge: {printable(problem)}\n")
        self._said = problem

    @property
    def is_asked(self) -> bool:
        """Whether a Prometheus has asked for the list lately."""
        return time.monotonic() < self._asked_until

    def answer(self, path: str, authorization: str, *, refreshes: bool) -> tuple[HTTPStatus, bytes]:
        """Status and body of an answer.

        An error answers no empty list: Prometheus keeps the targets that it has.

        Args:
            path: What is asked for.
            authorization: The header of that name.
            refreshes: Whether it is asked for again and again, as Prometheus says of its requests.
        """
        if path != "/":
            return HTTPStatus.NOT_FOUND, b"the list is at /\n"
        if not self._access.allows(authorization):
            return HTTPStatus.UNAUTHORIZED, b"expected the bearer token\n"
        if refreshes:
            self._asked_until = time.monotonic() + ASKED_SECONDS
        if self._list.text is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, b"the directory could not be read yet\n"
        if self._leases is None:
            return HTTPStatus.OK, self._list.text
        if left := self._leases.settling:
            text = f"for {left:.0f} s more, runs that the service before this one knew may register again\n"
            return HTTPStatus.SERVICE_UNAVAILABLE, text.encode()
        return HTTPStatus.OK, b"[%s]" % b",".join(filter(None, (self._list.text[1:-1], self._leases.text)))

    def register(
        self, path: str, authorization: str, body: bytes | None, client: str
    ) -> tuple[HTTPStatus, bytes]:
        """Register a run, renew its lease, or end it.

        Args:
            path: Of the lease, with a key that the run alone knows.
            authorization: The header.
            body: The registration; ``None`` ends the lease.
            client: Its address.

        Returns:
            Status and body of the answer, which says whether a Prometheus asks for the list.
        """
        lease = _LEASE.fullmatch(path)
        if self._leases is None or lease is None:
            return _NO_REGISTRATION
        if not self._registers.allows(authorization):
            return _NO_TOKEN
        try:
            if body is None:
                self._leases.end(lease[1])
            else:
                self._leases.renew(lease[1], body, client)
        except TrainGaugeError as error:
            status = _REFUSED.get(type(error), HTTPStatus.BAD_REQUEST)
            return status, f"{error}\n".encode("utf-8", "replace")
        except OSError as error:
            said = f"the end is listed, but lost if the service restarts: {error.strerror}\n"
            return HTTPStatus.INSUFFICIENT_STORAGE, said.encode()
        return HTTPStatus.OK, json.dumps({"asked": self.is_asked}).encode()

    def consider(self, path: str, authorization: str, body: bytes, client: str) -> tuple[HTTPStatus, bytes]:
        """Say what would come of a registration; nothing changes.

        Args:
            path: Of all leases.
            authorization: The header.
            body: The registration.
            client: Its address.

        Returns:
            Status and body of the answer: whether a Prometheus asks for the list, seconds until it gets one, whether the run
            is registered, and why it would be refused.
        """
        if self._leases is None or path != _LEASES:
            return _NO_REGISTRATION
        if not self._registers.allows(authorization):
            return _NO_TOKEN
        listed, refused = False, ""
        try:
            listed = self._leases.consider(body, client)
        except TrainGaugeError as error:
            refused = str(error)
        found = {
            "asked": self.is_asked,
            "settling": self._leases.settling,
            "listed": listed,
            "refused": refused,
        }
        return HTTPStatus.OK, json.dumps(found).encode()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r}: expected 0 to {LAST_PORT}")
    return int(text)


def _token(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return credentials.secret(file)
    except FileNotFoundError:
        problem = "no such file"
    except ValueError as error:
        problem = str(error)
    path = shlex.quote(str(file))
    raise TokenError(f"{file}: {problem}. To make a token: openssl rand -hex 32 > {path}; chmod 600 {path}")


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a network, as 10.0.0.0/8: {error}") from None


def _handler(service: Service, *, local: bool) -> type[LocalHandler]:
    class Handler(LocalHandler):
        def get(self) -> None:
            if self._is_for_here():
                self._answer(
                    *service.answer(self.path, self._authorization, refreshes=REFRESHES in self.headers)
                )

        def put(self) -> None:
            # Read before anything is refused: a client may lose the answer to what was not read.
            if self._is_for_here() and (body := self._body()) is not None:
                self._register(body)

        def post(self) -> None:
            if self._is_for_here() and (body := self._body()) is not None:
                client = self.client_address[0]
                self._answer(*service.consider(self.path, self._authorization, body, client))

        def delete(self) -> None:
            if self._is_for_here():
                self._register(None)

        @property
        def _authorization(self) -> str:
            return self.headers.get("Authorization", "")

        def _is_for_here(self) -> bool:
            if local and not self.is_expected():
                self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
                return False
            return True

        def _body(self) -> bytes | None:
            """What was sent, unless it is longer than a registration can be."""
            length = self.headers.get("Content-Length", "")
            if not re.fullmatch("[0-9]{1,20}", length):
                self._answer(HTTPStatus.LENGTH_REQUIRED, b"expected a Content-Length\n")
            elif int(length) > LONGEST_REGISTRATION:
                self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"no run has a registration this long\n")
            else:
                return self.rfile.read(int(length))
            return None

        def _register(self, body: bytes | None) -> None:
            client = self.client_address[0]
            self._answer(*service.register(self.path, self._authorization, body, client))

        def _answer(self, status: HTTPStatus, body: bytes) -> None:
            kind = "application/json" if status == HTTPStatus.OK else "text/plain"
            self.answer(status, body.decode(), kind)

    return Handler
