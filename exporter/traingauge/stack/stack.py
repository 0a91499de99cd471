"""A real Prometheus, Alertmanager and (where installed) Grafana from the shipped configuration."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from . import bundle, config, documents
from .errors import ConfigError, NotRunningError, WaitTimeoutError
from .grafana import grafana_command, grafana_environment
from .guard import Guard
from .programs import Programs, find_programs
from .prometheus import PrometheusApi
from .scaling import scale_rule_files
from .server import POLL, Server, stop_all
from .signals import signals_as_exceptions

T = TypeVar("T")


class Stack:
    """Prometheus and Alertmanager on free ports of 127.0.0.1, while the ``with`` block runs.

    Everything comes from the shipped files; only paths, addresses, the webhook's URL and, with a factor,
    waiting times differ. Entering returns when all servers are ready. Leaving, however it happens, stops
    them; should this process be killed outright, a guard kills them. Any number of stacks can run at once.

    Args:
        directory: For configuration, logs and data; kept. By default a temporary one, which is removed.
        discovery_dir: Where runs announce themselves; made if missing. By default a folder in ``directory``.
        webhook_url: Where the webhooks of Alertmanager's configuration send to; None keeps the shipped URLs.
        factor: Divides every waiting time and interval: 10 makes a rule that waits for 5 minutes wait for 30
            s.
        rules: The folder with rule files.
        alertmanager_config: Alertmanager's configuration.
        programs: The programs to run; by default those that are found, or else installed.
        with_grafana: Start Grafana too, where it is installed.
        ports: Ports to try first, by "prometheus", "alertmanager" and "grafana".

    Raises:
        MissingProgramsError: A server is neither installed nor can be.
        ConfigError: A configuration file is not usable, or the factor is below 1.
        ServerDiedError: A server did not start; with the tail of its log.
    """

    def __init__(
        self,
        *,
        directory: Path | None = None,
        discovery_dir: Path | None = None,
        webhook_url: str | None = None,
        factor: float = 1.0,
        rules: Path = bundle.RULES,
        alertmanager_config: Path = bundle.ALERTMANAGER_CONFIG,
        programs: Programs | None = None,
        with_grafana: bool = False,
        ports: Mapping[str, int] | None = None,
    ) -> None:
        if not factor >= 1:
            raise ConfigError(f"factor {factor!r}: expected 1 (nothing changes) or more")
        self.factor = factor
        self._given_directory = directory
        self._given_discovery_dir = discovery_dir
        self._webhook_url = webhook_url
        self._rules = rules
        self._alertmanager_config = alertmanager_config
        self._programs = programs
        self._with_grafana = with_grafana
        self._ports = ports or {}
        self._servers: dict[str, Server] = {}
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            cleanup.enter_context(signals_as_exceptions())
            self._start(cleanup)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    @property
    def programs(self) -> Programs:
        """The programs that run."""
        if self._programs is None:
            self._programs = find_programs()
        return self._programs

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus listens."""
        return self._running("prometheus").url

    @property
    def alertmanager_url(self) -> str:
        """Where Alertmanager listens."""
        return self._running("alertmanager").url

    @property
    def grafana_url(self) -> str | None:
        """Where Grafana listens; None if it was not asked for or is not installed."""
        return self._servers["grafana"].url if "grafana" in self._servers else None

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the servers, by name."""
        return {name: server.pid for name, server in self._servers.items()}

    @property
    def prometheus(self) -> PrometheusApi:
        """What Prometheus answers to queries."""
        return PrometheusApi(self.prometheus_url)

    def wait_for(self, condition: Callable[[], T], what: str, *, timeout: float = 60.0) -> T:
        """Wait until a condition is true, and return what it gave.

        Args:
            condition: Called again and again; true is whatever Python takes for it.
            what: The condition in words, for the error.
            timeout: In seconds.

        Raises:
            WaitTimeoutError: It was not true in time; with the last that it gave.
            ServerDiedError: A server ended meanwhile.
        """
        deadline = time.monotonic() + timeout
        while not (result := condition()):
            for server in self._servers.values():
                server.check()
            if time.monotonic() > deadline:
                raise WaitTimeoutError(f"{what}: not within {timeout:g} s; the last answer was {result!r}")
            time.sleep(POLL)
        return result

    def _running(self, name: str) -> Server:
        if name not in self._servers:
            raise NotRunningError(name)
        return self._servers[name]

    def _start(self, cleanup: ExitStack) -> None:
        programs = self.programs
        self.directory = self._given_directory or Path(cleanup.enter_context(_temporary_directory()))
        self.directory = self.directory.resolve()
        self.discovery_dir = (self._given_discovery_dir or self.directory / "targets").resolve()
        for folder in (self.directory / "rules", self.discovery_dir):
            folder.mkdir(parents=True, exist_ok=True)
        guard = cleanup.enter_context(Guard())
        cleanup.callback(self._stop)
        # In this order, as each configuration names the servers before it.
        self._run(self._alertmanager(guard))
        self._run(self._prometheus(guard))
        if self._with_grafana and programs.grafana is not None:
            self._run(self._grafana(guard))

    def _run(self, server: Server) -> None:
        self._servers[server.name] = server
        server.start()

    def _stop(self) -> None:
        stop_all(list(self._servers.values()))
        self._servers = {}

    def _alertmanager(self, guard: Guard) -> Server:
        file = self.directory / "alertmanager.yml"
        shipped = self._alertmanager_config
        documents.dump(
            config.alertmanager_config(
                documents.load(shipped),
                folder=shipped.parent,
                webhook_url=self._webhook_url,
                factor=self.factor,
            ),
            file,
        )
        return Server(
            name="alertmanager",
            command=lambda port: [
                self.programs.alertmanager.path,
                f"--config.file={file}",
                f"--storage.path={self.directory / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--web.external-url=http://127.0.0.1:{port}",
                "--cluster.listen-address=",  # one Alertmanager, no cluster
            ],
            ready_path="/-/ready",
            listening="Listening on",
            log=self.directory / "alertmanager.log",
            guard=guard,
            port=self._ports.get("alertmanager", 0),
        )

    def _prometheus(self, guard: Guard) -> Server:
        file = self.directory / "prometheus.yml"
        shipped = documents.load(bundle.PROMETHEUS_CONFIG)

        def command(port: int) -> list[str | Path]:
            settings = config.prometheus_config(
                shipped,
                rules=self.directory / "rules",
                targets=self.discovery_dir,
                addresses={
                    config.PROMETHEUS_ADDRESS: f"127.0.0.1:{port}",
                    config.ALERTMANAGER_ADDRESS: self.alertmanager_url.removeprefix("http://"),
                },
                factor=self.factor,
            )
            documents.dump(settings, file)
            scale_rule_files(
                self._rules,
                self.directory / "rules",
                factor=self.factor,
                interval=config.scrape_interval(settings),
            )
            return [
                self.programs.prometheus.path,
                f"--config.file={file}",
                f"--storage.tsdb.path={self.directory / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--web.external-url=http://127.0.0.1:{port}",
            ]

        return Server(
            name="prometheus",
            command=command,
            ready_path="/-/ready",
            listening="Server is ready",
            log=self.directory / "prometheus.log",
            guard=guard,
            port=self._ports.get("prometheus", 0),
        )

    def _grafana(self, guard: Guard) -> Server:
        assert self.programs.grafana is not None
        program = self.programs.grafana.path
        return Server(
            name="grafana",
            command=lambda port: grafana_command(program, port, self.directory / "grafana"),
            ready_path="/api/health",
            listening="HTTP Server Listen",
            log=self.directory / "grafana.log",
            guard=guard,
            environment=grafana_environment(self.prometheus_url),
            port=self._ports.get("grafana", 0),
        )


@contextmanager
def _temporary_directory() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="traingauge-", ignore_cleanup_errors=True) as folder:
        yield folder
