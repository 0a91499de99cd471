"""Registration with `traingauge sd`, where it is set for all runs of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from traingauge import environment
from traingauge.core.families import Identity
from traingauge.delivery import credentials
from traingauge.delivery.announcement import Announcement
from traingauge.delivery.http.addresses import address_of
from traingauge.delivery.http.endpoint import HOST
from traingauge.delivery.peer import Peer, PeerError
from traingauge.delivery.targets import Target
from traingauge.errors import TrainGaugeError

from .finding import Finding, ok, problem, skipped, warning
from .runs import answering
from .servers import BROKEN
from .subject import Subject
from .waiting import settled

#: Stands for the runs of this machine where there is none: it is asked about, and never listed.
PROBE, PROBE_PORT = Identity("traingauge-doctor", "probe"), 9109

_TOKEN = environment.DISCOVERY_CREDENTIALS_FILE.name

#: How to mend what keeps a service from being asked, by the reason of the failure.
_ADVICE = {
    "credentials": f"{_TOKEN} has to name a file with the token that the service has as --registration-token-file",
    "protocol": "is that the address of a `traingauge sd` with --registration-token-file?",
}
_UNREACHED = (
    "does `traingauge sd --host 0.0.0.0` run there, is the address right, and is no firewall between?"
)


def registration(subject: Subject) -> Iterator[Finding]:
    """The service takes runs of this machine and has those that are live, and a Prometheus asks it for them."""
    url = subject.discovery_url
    if url is None:
        yield skipped(f"{environment.DISCOVERY_URL.name} is not set")
        return
    try:
        probe = _probe()
    except TrainGaugeError as error:
        yield skipped(str(error))  # a problem of the variables
        return
    try:
        peer = Peer(url, None, credentials.readable(_TOKEN, environment.DISCOVERY_CREDENTIALS_FILE.read()))
    except TrainGaugeError as error:
        yield problem(str(error), "copy the file that the service has as --registration-token-file")
        return
    try:
        yield from _considered(peer, probe, answering(subject))
    except PeerError as error:
        yield problem(f"no run can register: {error}", _ADVICE.get(error.reason, _UNREACHED))
    except BROKEN:
        yield problem(f"{url} is no `traingauge sd` of this version", _ADVICE["protocol"])
    finally:
        peer.close()


def _considered(peer: Peer, probe: Announcement, live: Sequence[Target]) -> Iterator[Finding]:
    found = _consider(peer, probe)
    if not live:
        yield _taken(peer, found)
    for target in live:
        yield _registered(peer, target)
    if not found["asked"]:
        found = settled(partial(_consider, peer, probe), lambda one: bool(one["asked"]))
    if not found["asked"]:
        yield problem(
            f"no Prometheus has asked {peer.root} for its list within five minutes",
            f"Prometheus needs the job that `traingauge sd` prints, with http_sd_configs for {peer.root}/ and the token for "
            "the list; its log says why a list could not be read",
        )
    elif found["settling"] > 0:
        yield warning(
            f"{peer.root} has just started, and gives Prometheus no list for {found['settling']:.0f} s more",
            "call doctor again then",
        )
    else:
        yield ok(f"a Prometheus asks {peer.root} for its list")


def _taken(peer: Peer, found: dict[str, Any]) -> Finding:
    if found["refused"]:
        return problem(
            f"{peer.root} would refuse a run of this machine: {found['refused']}", "the reason says what fits"
        )
    return ok(f"{peer.root} takes registrations of this machine")


def _registered(peer: Peer, target: Target) -> Finding:
    name, parts = f"{target.model} / {target.run}", urlsplit(target.url)
    run = Announcement(Identity(target.model, target.run), parts.netloc, parts.scheme)
    found = settled(partial(_consider, peer, run), lambda one: bool(one["listed"] or one["refused"]))
    if found["listed"]:
        return ok(f"{name} is registered with {peer.root}")
    if found["refused"]:
        return problem(f"{peer.root} refuses {name}: {found['refused']}", "the reason says what fits")
    return problem(
        f"{name} is not registered with {peer.root}, which would take it",
        "a run registers every 20 s: if it stays so, it started without the variables, or its log says why it fails",
    )


def _consider(peer: Peer, run: Announcement) -> dict[str, Any]:
    """What would come of a registration, which changes nothing."""
    answer, _ = peer.request("POST", "/runs", run.registration(), kind="application/json")
    found = json.loads(answer)
    return {name: found[name] for name in ("asked", "settling", "listed", "refused")}


def _probe() -> Announcement:
    host, port = environment.HOST.resolve(None, HOST), environment.PORT.read() or PROBE_PORT
    return Announcement(PROBE, address_of(host, port, environment.ADVERTISE.read()))
