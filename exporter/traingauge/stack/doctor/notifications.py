"""Alertmanager: whether it gets alerts, and has a receiver for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from traingauge.bundle import documents, places
from traingauge.stack.client import get

from .finding import Finding, ok, problem, skipped, warning
from .receivers import groupings
from .servers import BROKEN, NO_PROMETHEUS, TIMEOUT
from .subject import Subject
from .waiting import settled


def alertmanager(subject: Subject) -> Iterator[Finding]:
    """Prometheus has an Alertmanager, which answers and has a receiver that notifies."""
    if subject.prometheus is None:
        yield skipped(NO_PROMETHEUS)
    else:
        try:
            if not settled(lambda: _known_to(subject.prometheus_url), bool):
                yield problem(
                    "Prometheus sends alerts to no Alertmanager",
                    "name one in `alerting:` of its configuration",
                )
        except BROKEN as error:
            yield skipped(f"Prometheus does not say where it sends alerts: {error}")
    url = address(subject)
    if url is None:
        yield problem(
            "no Alertmanager is known",
            "start one with `traingauge up`, or name yours with --alertmanager-url",
        )
        return
    try:
        answer = get(f"{url}/api/v2/status", timeout=TIMEOUT).json()
        version, configuration = answer["versionInfo"]["version"], str(answer["config"]["original"])
    except BROKEN as error:
        yield problem(
            f"Alertmanager at {url} does not answer as it should: {error}",
            "is it running, is the address right, and is no firewall between?"
            if subject.alertmanager_url is not None
            else "that is its address for Prometheus; --alertmanager-url names it as this machine reaches it",
        )
        return
    yield ok(f"Alertmanager {version} answers at {url}")
    yield from _configured(configuration)


def address(subject: Subject) -> str | None:
    """Where Alertmanager is, as it was named, or else as Prometheus sends alerts to it; ``None`` if neither says."""
    if subject.alertmanager_url is not None or subject.prometheus is None:
        return subject.alertmanager_url
    with suppress(*BROKEN):
        for one in _known_to(subject.prometheus_url):
            base, of_api, _ = str(one["url"]).partition("/api/v")
            if of_api:
                return base
    return None


def _known_to(prometheus_url: str | None) -> list[Any]:
    """The Alertmanagers to which Prometheus sends alerts."""
    answer = get(f"{prometheus_url}/api/v1/alertmanagers", timeout=TIMEOUT).json()
    found: list[Any] = answer["data"]["activeAlertmanagers"]
    return found


def _configured(text: str) -> Iterator[Finding]:
    receivers = documents.shipped(places.ALERTMANAGER_CONFIG)["receivers"]
    placeholder = receivers[0]["webhook_configs"][0]["url"]
    if "_configs:" not in re.sub(r"_configs: \[\]", "", text):
        yield problem("no receiver of Alertmanager notifies anyone", "give a receiver an address")
    elif placeholder in text:
        yield problem(
            f"the receiver of Alertmanager is still the shipped placeholder, {placeholder}",
            "put the address of your own receiver there",
        )
    if not any({"model", "run"} <= names or "..." in names for names in groupings(text)):
        yield warning(
            "no route of Alertmanager groups by model and run: alerts of several runs come in one notification",
            "put model and run into `group_by` of the route",
        )
