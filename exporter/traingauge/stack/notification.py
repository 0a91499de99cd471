"""The notifications that Alertmanager sends to a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a notification.

    Attributes:
        status: "firing" or "resolved".
        labels: All labels, ``alertname`` among them.
        annotations: Summary, description, runbook_url ...
        starts_at: When it began to fire, RFC 3339.
        ends_at: When it was resolved, RFC 3339; the zero time while it fires.
    """

    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: str
    ends_at: str

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname", "")


@dataclass(frozen=True, slots=True)
class Notification:
    """One message of Alertmanager, which covers a group of alerts.

    Attributes:
        arrived: When it arrived, in seconds since the epoch.
        status: "firing" while any alert of the group fires, else "resolved".
        receiver: Alertmanager's name for where this was sent.
        group_labels: What the alerts have been grouped by.
        alerts: The alerts of the group, firing and resolved.
    """

    arrived: float
    status: str
    receiver: str
    group_labels: Mapping[str, str]
    alerts: tuple[Alert, ...]

    def __str__(self) -> str:
        """A few readable lines: status, severity, name and labels of each alert, and its texts.

        Control characters are escaped: every user of this machine can post to a webhook that is printed on a terminal.
        """
        lines = []
        for alert in self.alerts:
            identity = ", ".join(
                f"{k}={v}" for k, v in alert.labels.items() if k not in ("alertname", "severity")
            )
            of = f" ({identity})" if identity else ""  # one of the whole fleet has none
            lines.append(f"[{alert.status.upper()}] {alert.labels.get('severity', '-')}: {alert.name}{of}")
            lines.extend(f"    {alert.annotations[key]}" for key in _READABLE if key in alert.annotations)
        return "\n".join(map(_printable, lines))


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


_READABLE = ("summary", "description", "runbook_url")


def parse(message: Any, arrived: float) -> Notification:
    """A notification from the body of Alertmanager's webhook.

    Raises:
        TypeError, KeyError, AttributeError: The body is not one of Alertmanager's.
    """
    alerts = tuple(
        Alert(
            str(alert["status"]),
            _strings(alert["labels"]),
            _strings(alert.get("annotations", {})),
            str(alert.get("startsAt", "")),
            str(alert.get("endsAt", "")),
        )
        for alert in message["alerts"]
    )
    group = _strings(message.get("groupLabels", {}))
    return Notification(arrived, str(message["status"]), str(message.get("receiver", "")), group, alerts)


def _strings(labels: Mapping[Any, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in labels.items()}
