"""A real Prometheus on a recorded history, with the recorded series and the alerts of the shipped rules."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as promql
import requests
import yaml

from dashboards.example.history import END, NOTIFIED, History, recorded
from dashboards.example.hosts import add_host
from dashboards.example.servers import own_metrics
from dashboards.promql import selectors
from dashboards.vocabulary.metrics import OF_THE_SERVERS
from simulation.clock import BEGIN, SCRAPE_SECONDS
from traingauge.stack.programs import Programs, find_programs
from traingauge.stack.reaper import Reaper
from traingauge.stack.server import Server

#: The rules that ship.
RULES = Path(__file__).parents[2] / "alerting" / "rules"

#: Points of a line in a panel.
_POINTS = 600

#: A rule, as its file has it.
Rule = Mapping[str, Any]


class PromQLError(RuntimeError):
    """Prometheus refused an expression."""


@dataclass(frozen=True, slots=True)
class Store:
    """Blocks of Prometheus' storage on disk.

    Attributes:
        directory: Where they lie.
        programs: The programs to use.
    """

    directory: Path
    programs: Programs

    @classmethod
    def made(cls, directory: Path) -> Store:
        """The history of the example's runs and servers, in a folder that is there."""
        history = recorded()
        add_host(history)
        for job, (before, after) in own_metrics(directory).items():
            history.hold(before, job, OF_THE_SERVERS, (BEGIN, NOTIFIED))
            history.hold(after, job, OF_THE_SERVERS, (NOTIFIED + SCRAPE_SECONDS, END))
        return cls.of(history, directory)

    @classmethod
    def of(cls, history: History, directory: Path) -> Store:
        """A history, with the recorded series and the alerts of the shipped rules."""
        store = cls(directory, find_programs())
        store.add(history)
        for rules in by_depth(_rules("record")):
            with store.served() as prometheus:
                store._record(prometheus, rules)
        with store.served() as prometheus:
            alerts = _alerts(prometheus)
        store.add(alerts)
        return store

    def add(self, history: History) -> None:
        """Add samples."""
        text = self.directory / "history.om"
        text.write_text(history.text())
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

    def _record(self, prometheus: Prometheus, rules: Sequence[Rule]) -> None:
        file = self.directory / "rules.yml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "recorded", "rules": [*rules]}]}))
        self._promtool(
            "create-blocks-from",
            "rules",
            f"--url={prometheus.url}",
            f"--start={BEGIN:.0f}",
            f"--end={END:.0f}",
            f"--eval-interval={SCRAPE_SECONDS:.0f}s",
            f"--output-dir={self._blocks}",
            file,
        )

    def _promtool(self, *arguments: str | Path) -> None:
        subprocess.run([self.programs.promtool.path, "tsdb", *arguments], check=True, capture_output=True)


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

    def over(self, expr: str, until: float = END, since: float = BEGIN) -> list[dict[str, Any]]:
        """What an expression was from one Unix time to another; each series has ``metric`` and ``values``.

        It is asked for at each scrape, or for as many points as a panel of Grafana draws if those are fewer.

        Raises:
            PromQLError: With the reason.
        """
        step = max(SCRAPE_SECONDS, (until - since) / _POINTS)
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


def _alerts(prometheus: Prometheus) -> History:
    """``ALERTS`` and ``ALERTS_FOR_STATE`` as the shipped rules would have written them, up to their waiting times."""
    history = History()
    for rule in _rules("alert"):
        _follow(prometheus, rule, history)
    return history


def _rules(kind: str) -> list[Rule]:
    """All shipped rules of a kind, ``alert`` or ``record``."""
    groups = [
        group for path in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]
    ]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def by_depth(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Recording rules in an order in which each finds what it reads: those together that need not wait for each other.

    >>> rules = [{"record": "b", "expr": "a"}, {"record": "a", "expr": "up"}, {"record": "c", "expr": "up"}]
    >>> [[rule["record"] for rule in together] for together in by_depth(rules)]
    [['a', 'c'], ['b']]
    """
    left = list(rules)
    while left:
        unknown = {rule["record"] for rule in left}
        ready = [rule for rule in left if not unknown & set(_asked(str(rule["expr"])))]
        assert ready, f"recorded series that are made of each other: {sorted(unknown)}"
        yield ready
        left = [rule for rule in left if rule not in ready]


def _asked(expr: str) -> list[str | None]:
    return [selector.name for selector in selectors(promql.parse(expr))]


def _follow(prometheus: Prometheus, rule: Rule, history: History) -> None:
    wait = _seconds(str(rule.get("for", "0s")))
    static = {name: value for name, value in rule.get("labels", {}).items() if "{{" not in value}
    for series in prometheus.over(str(rule["expr"])):
        labels = (
            {k: v for k, v in series["metric"].items() if k != "__name__"}
            | static
            | {"alertname": rule["alert"]}
        )
        active_at = before = float("-inf")
        states: dict[str, list[tuple[float, float]]] = {"pending": [], "firing": []}
        since: list[tuple[float, float]] = []
        for at, _ in series["values"]:
            if at - before > SCRAPE_SECONDS:
                active_at = at
            before = at
            states["firing" if at - active_at >= wait else "pending"].append((at, 1.0))
            since.append((at, float(active_at)))
        history.add("ALERTS_FOR_STATE", labels, since)
        for state, samples in states.items():
            history.add("ALERTS", labels | {"alertstate": state}, samples)


def _seconds(duration: str) -> float:
    return float(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]
