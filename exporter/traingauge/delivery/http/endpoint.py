"""The delivery that Prometheus scrapes: an HTTP server, and the file by which Prometheus finds it."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from traingauge import environment, validation
from traingauge.delivery import credentials, discovery
from traingauge.delivery.announcement import Announcement
from traingauge.delivery.base import RunView
from traingauge.delivery.http.access import Access
from traingauge.delivery.http.hosts import is_loopback
from traingauge.delivery.http.scrapes import Scrapes
from traingauge.delivery.http.served import ServedRun
from traingauge.delivery.http.server import Server
from traingauge.delivery.http.sharing import SERVERS
from traingauge.errors import InvalidArgumentError, InvalidTypeError, shown
from traingauge.logs import logger
from traingauge.options import links

if TYPE_CHECKING:
    from traingauge.delivery.lease import Lease

#: Where an endpoint listens, and seconds that it waits for the scrape that sees the end, unless it is set otherwise.
HOST, PORT, LINGER_SECONDS = "127.0.0.1", 0, 120.0

#: Longest wait in seconds for a first scrape, unless it is asked for: that of Prometheus' default interval.
FIRST_SCRAPE_SECONDS = 75.0

#: Seconds of waiting after which the log says what for.
SILENT_SECONDS = 10.0


@dataclass(frozen=True)
class Endpoint:
    """An HTTP endpoint with ``/metrics``, ``/healthz``, ``/log`` and a landing page.

    What is ``None`` comes from a variable, if that is set.

    Args:
        host: Address to listen on; by default ``$TRAINGAUGE_HOST``, else 127.0.0.1, which only this machine can reach.
        port: Port to listen on, 0 for a free one; by default ``$TRAINGAUGE_PORT``, else 0. :attr:`ModelMonitor.url` and the
            discovery file carry the port.
        discovery_dir: Directory in which Prometheus looks for runs; by default ``$TRAINGAUGE_DISCOVERY_DIR``, else
            ``traingauge/targets`` in ``$XDG_STATE_HOME`` or ``~/.local/state``. ``False`` writes no file.
        discovery_url: ``traingauge sd`` that the run registers with, for a Prometheus that sees no directory of it, as
            ``http://login-host:9096``; by default ``$TRAINGAUGE_DISCOVERY_URL``, else none. Its end waits up to 3 seconds
            for the service to take it.
        discovery_credentials_file: File with the bearer token that the service wants; by default
            ``$TRAINGAUGE_DISCOVERY_CREDENTIALS_FILE``. It is read at each registration, so it may change.
        linger: Longest time in seconds that the end of the run waits for the scrape that sees it; by default
            ``$TRAINGAUGE_LINGER_SECONDS``, else 120. The wait ends with the scrape, and lasts no longer than 1.25 times the
            longest gap between scrapes, or 3 seconds more than it, once there were three scrapes.
        wait_for_scrape: Whether a run that was never scraped waits at its end for one scrape; by default
            ``$TRAINGAUGE_WAIT_FOR_SCRAPE``, else where a Prometheus is known to look: it has read the discovery file, or
            scraped an earlier run of the directory within a day.
        links: Further links of the landing page, address by title.
        advertise: Host, or ``host:port``, that the discovery file gives Prometheus, for a run in a container or behind a
            mapped port; by default ``$TRAINGAUGE_ADVERTISE``, else where the endpoint listens.
        web_config: File with TLS and users, in the format of Prometheus' exporter-toolkit; by default
            ``$TRAINGAUGE_WEB_CONFIG_FILE``. It needs ``traingauge[web]``.
        token_file: File with a bearer token that every request must carry; by default ``$TRAINGAUGE_TOKEN_FILE``.

    Raises:
        TrainGaugeError: A field that does not fit.

    >>> Endpoint("0.0.0.0", 9109, linger=10).port
    9109
    >>> Endpoint(port=70000)
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: Endpoint.port is 70000: expected 0 to 65535
    """

    host: str | None = None
    port: int | None = None
    _: KW_ONLY
    discovery_dir: str | os.PathLike[str] | Literal[False] | None = None
    discovery_url: str | None = None
    discovery_credentials_file: str | os.PathLike[str] | None = None
    linger: float | None = None
    wait_for_scrape: bool | None = None
    links: Mapping[str, str] | None = field(default=None, hash=False)
    advertise: str | None = None
    web_config: str | os.PathLike[str] | None = None
    token_file: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.host is not None and not isinstance(self.host, str):
            raise InvalidTypeError(f"Endpoint.host is {shown(self.host)}: expected an address, as '0.0.0.0'")
        if self.port is not None:
            validation.count("Endpoint.port", self.port, least=0, most=65535)
        if self.discovery_dir is not None and self.discovery_dir is not False:
            validation.path("Endpoint.discovery_dir", self.discovery_dir)  # True among them, which it refuses
        if self.discovery_url is not None:
            validation.http_url("Endpoint.discovery_url", self.discovery_url)
        for name in ("discovery_credentials_file", "web_config", "token_file"):
            if getattr(self, name) is not None:
                validation.path(f"Endpoint.{name}", getattr(self, name))
        if self.linger is not None:
            validation.seconds("Endpoint.linger", self.linger, least=0)
        if self.wait_for_scrape is not None:
            validation.flag("Endpoint.wait_for_scrape", self.wait_for_scrape)
        if self.advertise is not None:
            environment.ADVERTISE.parse("Endpoint.advertise", self.advertise)
        object.__setattr__(self, "links", links("Endpoint.links", {} if self.links is None else self.links))

    def __reduce__(self) -> tuple[Callable[[], Endpoint], tuple[()]]:
        """Copies and pickles are made from the fields: a mapping that cannot be changed cannot be copied."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        return partial(Endpoint, **{**values, "links": dict(values["links"])}), ()

    def start(self, run: RunView) -> RunningEndpoint:
        """Listen, and announce the run to Prometheus.

        Runs of one process whose endpoints are set alike share one server, with a path for each run.

        Raises:
            PortInUseError: The port is taken.
            AddressError: The address cannot be listened on.
            TrainGaugeError: A variable that does not fit, or a file with credentials or that says who may read.
        """
        service = self._service()
        linger = environment.LINGER_SECONDS.resolve(self.linger, LINGER_SECONDS)
        where = _Where(
            environment.HOST.resolve(self.host, HOST),
            environment.PORT.resolve(self.port, PORT),
            self.advertise or environment.ADVERTISE.read(),
            _stamped(self.web_config or environment.WEB_CONFIG_FILE.read()),
            _stamped(self.token_file or environment.TOKEN_FILE.read()),
        )
        served = ServedRun(run, self.links or {})
        server = SERVERS.serve(served, where, where.listen)
        waits = environment.WAIT_FOR_SCRAPE.read() if self.wait_for_scrape is None else self.wait_for_scrape
        running = RunningEndpoint(server, served, linger, waits)
        served.leave = running.close
        try:
            if self.discovery_dir is not False:
                running.announce(None if self.discovery_dir is None else Path(self.discovery_dir))
            if service is not None:
                running.register(service)
        except BaseException:
            running.close()
            raise
        logger.info("run %s of %s serves on %s", run.identity.run, run.identity.model, running.url)
        return running

    def _service(self) -> _Service | None:
        url = self.discovery_url or environment.DISCOVERY_URL.read()
        if url is None:
            return None
        given, variable = self.discovery_credentials_file, environment.DISCOVERY_CREDENTIALS_FILE
        what = variable.name if given is None else "Endpoint.discovery_credentials_file"
        try:
            file = credentials.readable(what, variable.read() if given is None else given)
        except InvalidArgumentError as error:
            advice = "copy the file that `traingauge sd --registration-token-file` has"
            raise InvalidArgumentError(f"{error}; {advice}") from error
        return _Service(url, file, what)


class _Service(NamedTuple):
    """What a run registers with, the file with the token for it, and the name of the setting of that."""

    url: str
    file: Path | None
    setting: str


class _Where(NamedTuple):
    """Where a server listens, and who may read it: runs for which all of this is equal share it.

    The files are stamped, so that one that has changed is read again.
    """

    host: str
    port: int
    advertise: str | None
    web_config: tuple[Path, int, int] | None
    token_file: tuple[Path, int, int] | None

    def listen(self) -> Server:
        access = Access()
        if self.web_config is not None or self.token_file is not None:
            from traingauge.delivery.http.web_config import read_access  # what most endpoints need not load

            access = read_access(
                self.web_config and self.web_config[0], self.token_file and self.token_file[0]
            )
        server = Server(host=self.host, port=self.port, advertise=self.advertise, access=access)
        if access.is_open and not is_loopback(server.host):
            logger.warning(
                "everyone who can reach %s can read it: set a password, token or client certificates "
                "(Endpoint(web_config=…, token_file=…)), or let only trusted networks reach it",
                server.url,
            )
        return server


def _stamped(file: str | os.PathLike[str] | None) -> tuple[Path, int, int] | None:
    if file is None:
        return None
    path = Path(file)
    try:
        found = path.stat()
    except (OSError, ValueError):  # reading it says why
        return path, 0, 0
    return path, found.st_mtime_ns, found.st_size


class RunningEndpoint:
    """An endpoint at work for one run.

    Args:
        server: Serves it.
        served: The run as it is served.
        linger: Longest time in seconds to wait for the scrape that sees the end.
        waits: Whether it waits for a first scrape; ``None`` where a Prometheus is known to look.

    Attributes:
        server: As given.
        awaits: What the end of the run waits for, in the words of the log.
    """

    awaits = "Prometheus has scraped"

    def __init__(self, server: Server, served: ServedRun, linger: float, waits: bool | None) -> None:
        self.server = server
        self._longest, self._waits = linger, waits
        self._served, self._guard = served, served.view.guard
        self._lease: Lease | None = None
        self._seen = False
        self._ended: float | None = None

    def register(self, service: _Service) -> None:
        """Register the run with a service."""
        from traingauge.delivery.lease import Lease  # what most endpoints need not load
        from traingauge.delivery.peer import Peer

        view = self._served.view
        run = Announcement(view.identity, self.server.address, self.server.scheme)
        self._lease = Lease(Peer(service.url, None, service.file), run, view.guard, setting=service.setting)

    def announce(self, directory: Path | None) -> None:
        """Write the file by which Prometheus finds the run, into a directory or the default one."""
        try:
            file = discovery.DiscoveryFile(
                directory or discovery.default_directory(),
                self._served.view.identity,
                self.server.address,
                self.server.scheme,
            )
            self._served.file = file  # before it exists, so that no other run of this process sweeps it
            file.write()
            file.sweep(live=lambda: {run.file.path for run in self.server.runs if run.file is not None})
        except (OSError, RuntimeError, ValueError) as error:  # a full disk, a missing home
            self._served.file = None
            self._guard.report("discovery", error)

    @property
    def scrapes(self) -> Scrapes:
        """Times of the last scrapes of the run."""
        return self._served.scrapes

    @property
    def url(self) -> str:
        """Where it serves the run."""
        return f"{self.server.url}/{self._served.path}"

    @property
    def linger(self) -> float:
        """Longest time in seconds that it would wait now: for no scrape where no Prometheus is known to come."""
        patience = (
            self.scrapes.patience(time.monotonic(), self._longest)
            if self.scrapes
            else min(self._longest, self._patience_at_first())
        )
        return patience + self._to_leave

    @property
    def _to_leave(self) -> float:
        """Seconds of the end for the service that the run is registered with."""
        return 0.0 if self._lease is None else self._lease.linger

    def finish(self, ended: float, deadline: float) -> None:
        """Wait for a scrape that sees the end, if a Prometheus is known to come.

        A run that was scraped, or waits for its first scrape, notes its end where it is announced, until a scrape has seen
        it: it may be killed meanwhile.
        """
        at_most = min(self._longest, deadline - self._to_leave - ended)
        patience = self.scrapes.patience(ended, at_most) if self.scrapes else self._patience_at_first()
        until = ended + min(at_most, patience)
        if self.scrapes or until > ended:
            self._note()
        silent_until = min(until, time.monotonic() + SILENT_SECONDS)
        seen = self._is_seen(ended, silent_until)
        if not seen and silent_until < until:
            # In another thread than the main one it holds up nothing.
            level = logging.WARNING if threading.current_thread() is threading.main_thread() else logging.INFO
            logger.log(
                level,
                "%s has ended, and waits up to %.0f s for Prometheus to scrape its end; Ctrl-C skips the wait",
                self._name,
                until - silent_until,
            )
            seen = self._is_seen(ended, until)
        if not self.scrapes:
            left = "no trace of it" if until <= ended else "only the note on its end, if it reads that"
            logger.info("%s was never scraped: Prometheus has %s", self._name, left)
        self._seen, self._ended = seen, ended
        self._let_later_runs_know(waited=patience > 0)
        if self._lease is not None:
            self._lease.leave(seen=seen, deadline=deadline)

    def _is_seen(self, ended: float, until: float) -> bool:
        return self.scrapes.wait(after=ended, at_most=max(0.0, until - time.monotonic()))

    def _note(self) -> None:
        """Note the end of a run that Prometheus knows, or will know."""
        if self._lease is not None:
            self._lease.note(self._served.view.state())
        if self._served.file is not None:
            try:
                self._served.file.note(self._served.view.state())
            except OSError as error:
                self._guard.report("discovery", error)

    def _patience_at_first(self) -> float:
        """Seconds to wait for a first scrape."""
        if self._waits is not None:
            return math.inf if self._waits else 0.0
        announced = self._served.file, self._lease
        known = any(one is not None and one.is_looked_for() for one in announced)
        return FIRST_SCRAPE_SECONDS if known else 0.0

    @property
    def _name(self) -> str:
        identity = self._served.view.identity
        return f"run {identity.run} of {identity.model}"

    def _let_later_runs_know(self, *, waited: bool) -> None:
        if self._served.file is not None:
            try:
                if self.scrapes:
                    self._served.file.scraped()
                elif waited:
                    self._served.file.never_scraped()
            except FileNotFoundError:
                pass  # no later run will look into a directory that is gone
            except OSError as error:
                self._guard.report("discovery", error)

    def close(self) -> None:
        """Serve the run no longer, and announce it no longer, except for a note on an end that no scrape has seen."""
        if self._lease is not None:
            self._lease.leave(seen=self._seen, deadline=-math.inf)
        if self._served.file is not None:
            try:
                if not self._seen:
                    self._served.file.leave_note()
                self._served.file.remove()
            except OSError as error:
                self._guard.report("discovery", error)
        unseen = self._ended if self.scrapes and not self._seen else None
        self._ended = None  # it may be closed again
        SERVERS.leave(self._served, self.server, unseen_since=unseen)
        self.scrapes.close()
