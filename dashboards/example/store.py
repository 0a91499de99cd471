"""A real Prometheus on a recorded history, with the recorded series and the alerts of the shipped rules."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from dashboards.example.history import END, History, recorded
from dashboards.example.hosts import add_host
from dashboards.example.rules import evaluated
from dashboards.example.servers import add_servers
from simulation.clock import BEGIN, SCRAPE_SECONDS
from traingauge.stack.programs import Programs, find_programs
from traingauge.stack.reaper import Reaper
from traingauge.stack.server import Server

#: Seconds after its last sample at which a series of the example ends. A Prometheus that scrapes writes a stale marker;
#: a backfill cannot: OpenMetrics has no notation for it.
_ENDS_AFTER = 1.5 * SCRAPE_SECONDS

#: Points of a line in a panel, about one a pixel.
POINTS = 600


class PromQLError(RuntimeError):
    """Prometheus refused an expression."""


@dataclass(frozen=True, slots=True)
class Store:
    """Blocks of Prometheus' storage on disk.

    Attributes:
        directory: Where they lie.
        programs: The programs to use.
        ends_after: Seconds after its last sample at which a series ends.
    """

    directory: Path
    programs: Programs
    ends_after: float = 300.0

    @classmethod
    def made(cls, directory: Path) -> Store:
        """The history of the example's runs and servers, in a folder that is there."""
        history = recorded()
        add_host(history)
        rules = evaluated(history)
        add_servers(history, rules, directory)
        return cls._of(history, rules, directory, _ENDS_AFTER)

    @classmethod
    def of(cls, history: History, directory: Path, ends_after: float = 300.0) -> Store:
        """A history, with the recorded series and the alerts of the shipped rules."""
        return cls._of(history, evaluated(history), directory, ends_after)

    @classmethod
    def _of(cls, history: History, rules: History, directory: Path, ends_after: float) -> Store:
        store = cls(directory, find_programs(), ends_after)
        for one in (history, rules):
            store.add(one.text())
        return store

    def add(self, parts: Iterable[str]) -> None:
        """Add samples, given as the parts of an OpenMetrics text."""
        text = self.directory / "history.om"
        with text.open("w", encoding="utf-8") as file:
            file.writelines(parts)
        # By default, promtool reads all of it again for every two hours.
        longest = "--max-block-duration=1000h"
        self._promtool("create-blocks-from", "openmetrics", longest, text, self._blocks)
        text.unlink()

    @contextmanager
    def served(self) -> Iterator[Prometheus]:
        """A Prometheus that answers from it, and scrapes nothing."""
        config = self.directory / "prometheus.yml"
        config.write_text("{}\n")

        def command(port: int) -> list[str | Path]:
            return [
                self.programs.prometheus.path,
                f"--config.file={config}",
                f"--storage.tsdb.path={self._blocks}",
                "--storage.tsdb.retention.time=100y",
                f"--query.lookback-delta={self.ends_after:.0f}s",
                f"--web.listen-address=127.0.0.1:{port}",
            ]

        with Reaper() as reaper:
            log = self.directory / "prometheus.log"
            server = Server("Prometheus", command, "/-/ready", "Server is ready", log, reaper)
            server.start()
            try:
                yield Prometheus(server.url)
            finally:
                server.stop()

    @property
    def _blocks(self) -> Path:
        return self.directory / "tsdb"

    def _promtool(self, *arguments: str | Path) -> None:
        command = [self.programs.promtool.path, "tsdb", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"promtool ended with {done.returncode}: {done.stderr[-500:]}")


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that serves a history.

    Attributes:
        url: Where it listens.
    """

    url: str

    def at(self, expr: str, moment: float = END) -> list[dict[str, Any]]:
        """What an expression is at a Unix time; each series has ``metric`` and ``value``.

        Raises:
            PromQLError: With the reason.
        """
        return self._ask("query", {"query": expr, "time": f"{moment:.3f}"})

    def over(
        self, expr: str, until: float = END, since: float = BEGIN, points: int = POINTS
    ) -> list[dict[str, Any]]:
        """What an expression was from one Unix time to another; each series has ``metric`` and ``values``.

        It is asked for at each scrape, or for as many points as a panel of Grafana draws if those are fewer.

        Raises:
            PromQLError: With the reason.
        """
        step = max(SCRAPE_SECONDS, (until - since) / points)
        span = {"start": f"{since}", "end": f"{until}", "step": f"{step}"}
        return self._ask("query_range", {"query": expr} | span)

    def _ask(self, what: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(f"{self.url}/api/v1/{what}", data=parameters, timeout=60).json()
        if answer["status"] != "success":
            raise PromQLError(f"{answer['error']}: {parameters['query']}")
        data = answer["data"]
        return [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else data["result"]
