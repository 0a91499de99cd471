"""The runs that are announced: whether they answer, and whether Prometheus sees them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests

from traingauge.delivery.targets import Target, announced
from traingauge.stack.client import get

from .finding import Finding, ok, problem, skipped, warning
from .servers import BROKEN, NO_PROMETHEUS
from .subject import Subject, is_on_this_machine

#: Seconds for an answer of a run.
TIMEOUT = 3.0

_NOTHING_LISTENS = "nothing listens there"


def endpoints(subject: Subject) -> Iterator[Finding]:
    """Each run answers on this machine, and can be reached from where Prometheus is."""
    found = _live(subject)
    if not found:
        yield skipped(f"no run is announced in {subject.discovery_dir}", "start one, and call doctor again")
    elsewhere = subject.prometheus_url is not None and not is_on_this_machine(subject.prometheus_url)
    for target in found:
        name = f"{target.model} / {target.run}"
        wrong = _silent(target)
        if wrong == _NOTHING_LISTENS:
            yield warning(
                f"{name} is announced, but nothing listens at {target.url}",
                "if its process is gone, the alert about it is right; else look for a container between",
            )
        elif wrong:
            yield problem(
                f"{name} does not answer at {target.url}: {wrong}",
                "look for a firewall or a container between",
            )
        elif elsewhere and is_on_this_machine(target.url):
            yield problem(
                f"{name} listens at {target.url}, which a Prometheus on another machine cannot reach",
                "set TRAINGAUGE_HOST=0.0.0.0, or TRAINGAUGE_ADVERTISE in a container; or use remote write",
            )
        else:
            yield ok(f"{name} answers at {target.url}")


def targets(subject: Subject) -> Iterator[Finding]:
    """Prometheus has each run among its targets, and scrapes it."""
    if subject.prometheus is None:
        yield skipped(NO_PROMETHEUS)
        return
    try:
        known = subject.prometheus.targets()
        by_url = {target["scrapeUrl"]: target for target in known}
        by_name = {(target["labels"].get("model"), target["labels"].get("run")): target for target in known}
    except BROKEN as error:
        yield skipped(f"the targets of Prometheus cannot be read: {error}")
        return
    live = [target for target in _live(subject) if not _silent(target)]
    if not live:
        yield skipped("no run answers that Prometheus could scrape")
    for target in live:
        # Of a run that was started again, the process that died may be a target too; relabelling may change an address.
        seen = by_url.get(f"{target.url}/metrics") or by_name.get((target.model, target.run))
        yield _scraped(f"{target.model} / {target.run}", seen, subject)


def _scraped(name: str, seen: dict[str, Any] | None, subject: Subject) -> Finding:
    if seen is None:
        return problem(
            f"Prometheus does not know of {name}",
            f"its `file_sd_configs` must name {subject.discovery_dir}/*.json, as Prometheus sees that folder; wait 10 s",
        )
    if seen["health"] == "down":
        return problem(
            f"Prometheus cannot scrape {name}: {seen['lastError']}", f"it asks {seen['scrapeUrl']}"
        )
    if seen["health"] != "up":
        return warning(f"Prometheus has not scraped {name} yet", "wait for a scrape interval")
    return ok(f"Prometheus scrapes {name}")


def _silent(target: Target) -> str:
    """Why a run does not answer; empty if it does."""
    try:
        get(f"{target.url}/healthz", timeout=TIMEOUT)
    except requests.Timeout:
        return f"no answer within {TIMEOUT:g} s"
    except requests.ConnectionError as error:
        refused = "Connection refused" in str(error)
        return _NOTHING_LISTENS if refused else str(error)
    except requests.RequestException as error:
        return str(error)
    return ""


def _live(subject: Subject) -> list[Target]:
    return [target for target in announced(subject.discovery_dir) if not target.ended]
