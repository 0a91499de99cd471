"""What the rules and the storage of a run cost a Prometheus."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from alerting import rulebook
from benchmarks.rules.history import EVERY, History, blocks
from benchmarks.rules.server import processor_seconds, prometheus
from traingauge.stack.client import get
from traingauge.stack.prometheus import Sample


def evaluations(scrapes: Sequence[str], recorded: Sequence[Sample], runs: int) -> dict[str, float]:
    """Seconds of a processor that one evaluation of each group takes, for runs that have trained for a day.

    Processor time and not duration: it depends little on what else the machine does.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        until = int(time.time()) // 60 * 60
        History(scrapes, recorded, until).write(folder / "samples", runs)
        blocks(folder / "samples", folder / "data")
        (folder / "samples").unlink()
        with prometheus(folder, {"global": {"evaluation_interval": f"{EVERY}s"}}) as server:
            seconds = {}
            for group in groups():
                before = processor_seconds(server)
                for rule in group["rules"]:
                    asked = {"query": rule["expr"], "time": str(until)}
                    get(f"{server.url}/api/v1/query", asked, timeout=600).raise_for_status()
                seconds[group["name"]] = processor_seconds(server) - before
            return seconds


def groups() -> list[dict[str, object]]:
    """The groups of the shipped rules."""
    return [group for file in rulebook.rule_files() for group in yaml.safe_load(file.read_text())["groups"]]


def intervals() -> dict[str, int]:
    """Seconds between two evaluations of each group."""
    units = {"s": 1, "m": 60}
    texts = {group["name"]: group.get("interval", f"{EVERY}s") for group in groups()}
    return {name: int(text[:-1]) * units[text[-1]] for name, text in texts.items()}


def bytes_an_hour(scrapes: Sequence[str], every: int) -> dict[str, int]:
    """Bytes of an hour of a run in a block: its samples, and the index, which a block of two hours holds once as well."""
    columns: Mapping[str, list[str]] = _columns(scrapes)
    begin = int(time.time()) // 7200 * 7200 - 7200
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "samples").open("w", encoding="utf-8") as out:
            for series, values in columns.items():
                for at, moment in enumerate(range(begin, begin + 3600, every)):
                    value = (
                        values[at % len(values)]
                        .replace("@START@", str(begin))
                        .replace("@NOW@", f"{moment}.5")
                    )
                    out.write(f"{series} {value} {moment}\n")
            out.write("# EOF\n")
        blocks(folder / "samples", folder / "data")
        return {
            "samples": sum(file.stat().st_size for file in (folder / "data").rglob("chunks/*")),
            "index": sum(file.stat().st_size for file in (folder / "data").rglob("index")),
        }


def _columns(scrapes: Sequence[str]) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for line in (line for scrape in scrapes for line in scrape.splitlines()):
        series, _, value = line.rpartition(" ")
        columns.setdefault(series, []).append(value)
    return columns
