"""The runs that are announced: whether they answer, and whether Prometheus sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import requests

from traingauge.delivery.http.page import HEALTHY
from traingauge.delivery.targets import Target, announced
from traingauge.stack.client import get
from traingauge.stack.prometheus import PrometheusApi

from .finding import Finding, ok, problem, skipped, warning
from .servers import BROKEN, NO_PROMETHEUS
from .subject import Subject, is_on_this_machine
from .waiting import settled

#: Seconds for an answer of a run.
TIMEOUT = 3.0

_ANSWERS, _UNVERIFIED, _GONE, _TAKEN, _BROKEN = "answers", "unverified", "gone", "taken", "broken"


def endpoints(subject: Subject) -> Iterator[Finding]:
    """Each run answers on this machine, and can be reached from where Prometheus is."""
    found = _live(subject)
    if not found:
        yield skipped(f"no run is announced in {subject.discovery_dir}", "start one, and call doctor again")
    elsewhere = subject.prometheus_url is not None and not is_on_this_machine(subject.prometheus_url)
    for target in found:
        yield _reached(target, elsewhere=elsewhere)


def _reached(target: Target, *, elsewhere: bool) -> Finding:
    name = f"{target.model} / {target.run}"
    state, reason = _looked_at(target)
    if state == _GONE:
        return warning(
            f"{name} is announced, but nothing listens at {target.url}",
            f"{_if_dead(target)}; if it lives, look for a firewall or a container between here and the run",
        )
    if state == _TAKEN:
        return warning(
            f"{name} is announced, but another program listens at {target.url}: {reason}",
            _if_dead(target),
        )
    if state == _BROKEN:
        return problem(
            f"{name} does not answer at {target.url}: {reason}", "look for a firewall or a container between"
        )
    if elsewhere and is_on_this_machine(target.url):
        return problem(
            f"{name} listens at {target.url}, which a Prometheus on another machine cannot reach",
            "set TRAINGAUGE_HOST=0.0.0.0, or TRAINGAUGE_ADVERTISE in a container; or use remote write",
        )
    if state == _UNVERIFIED:
        return warning(
            f"{name} answers at {target.url}, but TLS fails here: {reason}",
            "Prometheus needs ca_file, and cert_file if the run asks for it, in tls_config of the job of the runs",
        )
    return ok(f"{name} answers at {target.url}{reason}")


def _if_dead(target: Target) -> str:
    return (
        f"if its process has died, the alert about it is right: delete {target.path}, "
        "or leave that to a run that starts a day later"
    )


def targets(subject: Subject) -> Iterator[Finding]:
    """Prometheus has each run among its targets, and scrapes it."""
    if subject.prometheus is None:
        yield skipped(NO_PROMETHEUS)
        return
    live = answering(subject)
    if not live:
        yield skipped("no run answers that Prometheus could scrape")
        return
    try:
        seen = settled(partial(_seen, subject.prometheus, live), lambda found: all(map(_is_scraped, found)))
    except BROKEN as error:
        yield skipped(f"the targets of Prometheus cannot be read: {error}")
        return
    for target, found in zip(live, seen, strict=True):
        yield _scraped(f"{target.model} / {target.run}", found, subject)


def answering(subject: Subject) -> list[Target]:
    """The announced runs that answer."""
    return [target for target in _live(subject) if _looked_at(target)[0] in (_ANSWERS, _UNVERIFIED)]


def _seen(prometheus: PrometheusApi, live: Sequence[Target]) -> list[dict[str, Any] | None]:
    """What Prometheus has of each run."""
    known = prometheus.targets()
    by_url = {target["scrapeUrl"]: target for target in known}
    by_name = {(target["labels"].get("model"), target["labels"].get("run")): target for target in known}
    # Of a run that was started again, the process that died may be a target too; relabelling may change an address.
    return [by_url.get(f"{target.url}/metrics") or by_name.get((target.model, target.run)) for target in live]


def _is_scraped(seen: dict[str, Any] | None) -> bool:
    return seen is not None and seen["health"] in ("up", "down")


def _scraped(name: str, seen: dict[str, Any] | None, subject: Subject) -> Finding:
    if seen is None:
        return problem(f"Prometheus does not know of {name}", _to_be_found(subject))
    if seen["health"] == "down":
        return problem(
            f"Prometheus cannot scrape {name}: {seen['lastError']}", f"it asks {seen['scrapeUrl']}"
        )
    if seen["health"] != "up":
        return warning(f"Prometheus has not scraped {name} yet", "wait for a scrape interval")
    source = seen.get("discoveredLabels", {}).get("__meta_url")
    return ok(f"Prometheus scrapes {name}" + (f", which {source} lists" if source else ""))


def _to_be_found(subject: Subject) -> str:
    if subject.discovery_url is None:
        return (
            f"its `file_sd_configs` must name {subject.discovery_dir}/*.json, as Prometheus sees that folder"
        )
    return (
        f"its `http_sd_configs` must name {subject.discovery_url}/, by an address that it reaches; it reads the list "
        "every `refresh_interval`, by default a minute"
    )


def _looked_at(target: Target) -> tuple[str, str]:
    """What is at the address of a run, and what else there is to say about it."""
    try:
        answer = get(f"{target.url}/healthz", timeout=TIMEOUT)
    except requests.exceptions.SSLError as error:
        return _tls(str(error).upper())
    except requests.Timeout:
        return _BROKEN, f"no answer within {TIMEOUT:g} s"
    except requests.ConnectionError as error:
        return (_GONE, "") if "Connection refused" in str(error) else (_BROKEN, str(error))
    except requests.RequestException as error:
        return _BROKEN, str(error)
    return _answered(answer)


def _answered(answer: requests.Response) -> tuple[str, str]:
    if answer.status_code in (401, 403):
        return _ANSWERS, ", and asks for credentials"
    if answer.status_code >= 500:
        return _BROKEN, f"status {answer.status_code}"
    return (_ANSWERS, "") if answer.text == HEALTHY else (_TAKEN, f"status {answer.status_code}")


def _tls(error: str) -> tuple[str, str]:
    if "CERTIFICATE_VERIFY_FAILED" in error:
        return _UNVERIFIED, "its certificate cannot be verified"
    if "CERTIFICATE" in error:
        return _UNVERIFIED, "it asks for a certificate of its client"
    return _TAKEN, "it speaks no TLS"


def _live(subject: Subject) -> list[Target]:
    return [target for target in announced(subject.discovery_dir) if not target.ended]
