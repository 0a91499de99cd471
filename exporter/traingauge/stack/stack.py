"""A real Prometheus, Alertmanager and (where installed) Grafana from the shipped configuration."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from traingauge.bundle import places

from . import config, documents
from .errors import NotRunningError, PaceLostError, WaitTimeoutError
from .grafana import grafana_command, grafana_environment
from .pace import AS_SHIPPED, Pace
from .programs import Programs, find_programs
from .prometheus import PrometheusApi
from .reaper import Reaper
from .scaling import scale_rule_files
from .server import POLL, Server, stop_all
from .signals import signals_as_exceptions

T = TypeVar("T")

#: Seconds between two looks at whether the servers live.
CHECK = 0.5


class Stack:
    """Prometheus and Alertmanager on free ports of 127.0.0.1, while the ``with`` block runs.

    The servers run the shipped files; only paths, addresses, the webhook's URL and, at a faster pace, waiting times differ.
    Entering returns when all servers are ready. Leaving stops them, however it happens; if this process is killed, a reaper
    kills them. Several stacks can run at the same time.

    Args:
        directory: For configuration, logs and data; kept. The default is a temporary one, which is removed.
        discovery_dir: Directory with the discovery files of runs; created if missing. The default is in ``directory``.
        webhook_url: Replaces the URL of each webhook in Alertmanager's configuration; ``None`` keeps the shipped ones.
        slack_webhook_file: A file with the address of an incoming webhook of Slack, which is notified, too.
        pace: Shortens every waiting time and interval; the default changes nothing.
        rules: The folder with rule files.
        alertmanager_config: Alertmanager's configuration.
        programs: The programs to run; by default those that :func:`find_programs` finds or installs.
        with_grafana: Start Grafana too, if it is installed.
        ports: Ports to try first, by "prometheus", "alertmanager" and "grafana".

    Raises:
        MissingProgramsError: A server is not installed and cannot be.
        ConfigError: A configuration file is not usable.
        ServerDiedError: A server did not start; with the tail of its log.
    """

    def __init__(
        self,
        *,
        directory: Path | None = None,
        discovery_dir: Path | None = None,
        webhook_url: str | None = None,
        slack_webhook_file: Path | None = None,
        pace: Pace = AS_SHIPPED,
        rules: Path = places.RULES,
        alertmanager_config: Path = places.ALERTMANAGER_CONFIG,
        programs: Programs | None = None,
        with_grafana: bool = False,
        ports: Mapping[str, int] | None = None,
    ) -> None:
        self.pace = pace
        self._given_directory = directory
        self._given_discovery_dir = discovery_dir
        self._webhook_url = webhook_url
        self._slack_webhook_file = slack_webhook_file
        self._rules = rules
        self._alertmanager_config = alertmanager_config
        self._programs = programs
        self._with_grafana = with_grafana
        self._ports = ports or {}
        self._servers: dict[str, Server] = {}
        self._cleanup = ExitStack()
        self._interval = 0

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
        """Where Grafana listens; ``None`` if it was not requested or is not installed."""
        return self._servers["grafana"].url if "grafana" in self._servers else None

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the servers, by name."""
        return {name: server.pid for name, server in self._servers.items()}

    @property
    def prometheus(self) -> PrometheusApi:
        """The API of the running Prometheus."""
        return PrometheusApi(self.prometheus_url)

    @property
    def interval(self) -> float:
        """Seconds between two scrapes, and between two evaluations of the rules."""
        return self._interval / 1000

    def wait_for(self, condition: Callable[[], T], what: str, *, timeout: float = 60.0) -> T:
        """Wait until a condition is true, and return its value.

        Args:
            condition: Called repeatedly.
            what: The condition in words, for the error.
            timeout: Seconds. On a busy machine the wait is longer: it also lasts as many evaluations of the rules as an
                idle machine makes in that time.

        Raises:
            WaitTimeoutError: It did not become true in time; with its last value.
            ServerDiedError: A server ended meanwhile.
        """
        deadline, patience = time.monotonic() + timeout, None
        while not (result := condition()):
            for server in self._servers.values():
                server.check()
            patience = patience or self.evaluated_for(timeout)
            if time.monotonic() > deadline and patience():
                raise WaitTimeoutError(f"{what}: not within {timeout:g} s; the last answer was {result!r}")
            time.sleep(POLL)
        return result

    def wait(self) -> None:
        """Wait for the end.

        Raises:
            ServerDiedError: A server ended.
        """
        while True:
            for server in self._servers.values():
                server.check()
            time.sleep(CHECK)

    def evaluated_for(self, seconds: float) -> Callable[[], bool]:
        """A condition: from now on, the rules were evaluated as often as an idle machine does it in ``seconds``.

        Waiting for it instead of sleeping gives rules and notifications their time on a machine of any speed.
        """
        until = self.prometheus.evaluated_seconds() + seconds
        return lambda: self.prometheus.evaluated_seconds() >= until

    def check_pace(self) -> None:
        """Check that the machine has kept the pace of the stack since it started.

        It has if every target answered, or refused, within its scrape timeout, and no evaluation of the rules was left out.
        Then each waiting time of the rules held as many scrapes and evaluations as its length promises, and an alert that
        fired says something about a run and not about the machine.

        Raises:
            PaceLostError: It has not.
        """
        (slowest,) = self.prometheus.query("max(max_over_time(scrape_duration_seconds[1d])) or vector(0)")
        if slowest.value >= 0.9 * self.interval:  # a timeout is cut off at the interval, more or less
            raise PaceLostError(
                f"a scrape took {slowest.value:.1f} s, too long for intervals of {self.interval:g} s"
            )
        (missed,) = self.prometheus.query("sum(prometheus_rule_group_iterations_missed_total) or vector(0)")
        if missed.value:
            raise PaceLostError(f"{missed.value:g} evaluations of rules were left out")

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
        reaper = cleanup.enter_context(Reaper())
        cleanup.callback(self._stop)
        # In this order, because each configuration names the servers before it.
        self._run(self._alertmanager(reaper))
        self._run(self._prometheus(reaper))
        if self._with_grafana and programs.grafana is not None:
            self._run(self._grafana(reaper))

    def _run(self, server: Server) -> None:
        self._servers[server.name] = server
        server.start()

    def _stop(self) -> None:
        stop_all(list(self._servers.values()))
        self._servers = {}

    def _slack(self) -> dict[str, Any] | None:
        """A receiver for Slack with the texts of the example, for the address in the file."""
        if self._slack_webhook_file is None:
            return None
        example = documents.load(places.ALERTMANAGER_CONFIG.with_name("receivers.example.yml"))
        (slack,) = (one["slack_configs"][0] for one in example["receivers"] if one["name"] == "slack")
        texts = {key: text for key, text in slack.items() if key != "channel"}  # the webhook has its own
        return {"api_url_file": str(self._slack_webhook_file), **texts}

    def _alertmanager(self, reaper: Reaper) -> Server:
        file = self.directory / "alertmanager.yml"
        shipped = self._alertmanager_config
        documents.dump(
            config.alertmanager_config(
                documents.load(shipped),
                folder=shipped.parent,
                webhook_url=self._webhook_url,
                slack=self._slack(),
                pace=self.pace,
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
            reaper=reaper,
            port=self._ports.get("alertmanager", 0),
        )

    def _prometheus(self, reaper: Reaper) -> Server:
        file = self.directory / "prometheus.yml"
        shipped = documents.load(places.PROMETHEUS_CONFIG)

        def command(port: int) -> list[str | Path]:
            settings = config.prometheus_config(
                shipped,
                rules=self.directory / "rules",
                targets=self.discovery_dir,
                addresses={
                    config.PROMETHEUS_ADDRESS: f"127.0.0.1:{port}",
                    config.ALERTMANAGER_ADDRESS: self.alertmanager_url.removeprefix("http://"),
                },
                pace=self.pace,
            )
            self._interval = config.scrape_interval(settings)
            documents.dump(settings, file)
            scale_rule_files(
                self._rules,
                self.directory / "rules",
                factor=self.pace.factor,
                interval=self._interval,
            )
            return [
                self.programs.prometheus.path,
                f"--config.file={file}",
                f"--storage.tsdb.path={self.directory / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--web.external-url=http://127.0.0.1:{port}",
                "--web.enable-remote-write-receiver",
            ]

        return Server(
            name="prometheus",
            command=command,
            ready_path="/-/ready",
            listening="Server is ready",
            log=self.directory / "prometheus.log",
            reaper=reaper,
            port=self._ports.get("prometheus", 0),
        )

    def _grafana(self, reaper: Reaper) -> Server:
        assert self.programs.grafana is not None
        program = self.programs.grafana.path
        return Server(
            name="grafana",
            command=lambda port: grafana_command(program, port, self.directory / "grafana"),
            ready_path="/api/health",
            listening="HTTP Server Listen",
            log=self.directory / "grafana.log",
            reaper=reaper,
            environment=grafana_environment(self.prometheus_url),
            port=self._ports.get("grafana", 0),
        )


@contextmanager
def _temporary_directory() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="traingauge-", ignore_cleanup_errors=True) as folder:
        yield folder
