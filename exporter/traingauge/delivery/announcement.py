"""What a run announces of itself, so that Prometheus finds it: as targets with labels, and as a registration.

A registration says who the run is and where it serves. The targets are made from that, here as there: one who registers
chooses no label by which Prometheus finds a target, or by which its rules read one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from traingauge import validation
from traingauge.catalog import RUN_STATES
from traingauge.core.families import Identity
from traingauge.delivery.targets import ENDED
from traingauge.errors import InvalidArgumentError, InvalidTypeError, shown

#: Seconds between two registrations of a run, and for how long one holds: rules remember a run for half an hour.
RENEW_SECONDS, LEASE_SECONDS = 20.0, 3_600.0

#: Longest registration in bytes: beyond all names and labels that a run can have.
LONGEST_REGISTRATION: Final = 16_384

_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_FIELDS = frozenset({"model", "run", "labels", "address", "scheme", "ended", "serves"})


@dataclass(frozen=True)
class Announcement:
    """One run.

    Attributes:
        identity: Becomes the targets' labels, so that ``up`` carries them.
        address: ``host:port`` to scrape.
        scheme: ``http`` or ``https``.
        ended: Final state of the run, once it has one; a target of its own says so.
        serves: Whether the run still answers.

    >>> [target] = Announcement(Identity("churn", "r1"), "127.0.0.1:9").targets()
    >>> target["labels"]["run"], target["labels"]["instance"], target["labels"]["__metrics_path__"]
    ('r1', '127.0.0.1:9/churn-r1-ccccce10', '/churn-r1-ccccce10/metrics')
    """

    identity: Identity
    address: str
    scheme: str = "http"
    ended: str = ""
    serves: bool = True

    def targets(self) -> list[dict[str, Any]]:
        """What Prometheus reads.

        The target of the run stays as it is when it has ended, as Prometheus scrapes one with other labels at another time.
        """
        name = self.identity.path_name()
        labels = {
            **self.identity.as_labels(),
            "instance": f"{self.address}/{name}",  # rules match the start of a run with `up` by instance
            "__metrics_path__": f"/{name}/metrics",
        }
        if self.scheme != "http":
            labels["__scheme__"] = self.scheme
        note = {**labels, ENDED: self.ended, "__metrics_path__": f"/{name}/{ENDED}"}
        wanted = [labels] * self.serves + [note] * bool(self.ended)
        return [{"targets": [self.address], "labels": one} for one in wanted]

    def registration(self) -> bytes:
        """What a run sends to be listed."""
        content = {
            "model": self.identity.model,
            "run": self.identity.run,
            "labels": dict(self.identity.labels),
            "address": self.address,
            "scheme": self.scheme,
            "ended": self.ended,
            "serves": self.serves,
        }
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")

    @classmethod
    def registered(cls, body: bytes) -> Announcement:
        """What a stranger has sent.

        Raises:
            TrainGaugeError: No run could have sent it.

        >>> run = Announcement(Identity("churn", "r1", (("team", "a"),)), "node:9")
        >>> Announcement.registered(run.registration()) == run
        True
        """
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            raise InvalidArgumentError("the registration is no JSON") from None
        if not isinstance(content, dict) or content.keys() != _FIELDS:
            raise InvalidArgumentError(
                f"the registration has other fields: expected {', '.join(sorted(_FIELDS))}"
            )
        if not isinstance(content["serves"], bool):
            raise InvalidTypeError(f"serves is {shown(content['serves'])}: expected true or false")
        ended = content["ended"]
        if not content["serves"] and ended == "":
            raise InvalidArgumentError("the run neither serves nor has ended: expected one of the two")
        return cls(
            Identity(
                validation.name("model", content["model"]),
                validation.name("run", content["run"]),
                tuple(validation.labels("labels", content["labels"]).items()),
            ),
            _address(content["address"]),
            validation.choice("scheme", content["scheme"], ("http", "https")),
            ended if ended == "" else validation.choice("ended", ended, RUN_STATES[1:]),
            content["serves"],
        )


def _address(value: object) -> str:
    if (
        not (isinstance(value, str) and _ADDRESS.fullmatch(value))
        or not 0 < int(value.rpartition(":")[2]) < 65536
    ):
        raise InvalidArgumentError(f"address is {shown(value)}: expected host:port, as 'trainer-1:9109'")
    return value
