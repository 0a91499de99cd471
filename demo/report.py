"""What the demo prints: progress, notifications as they arrive, and the closing table."""

from __future__ import annotations

import textwrap
import threading
import time
from dataclasses import dataclass, field

from demo.faults import Fault
from traingauge.stack.notification import Alert, Notification

#: Alerts that no fault causes: one always fires, the other rightly reports that the machine became busy.
UNRELATED = {"ModelWatchdog", "ModelThroughputDrop"}


@dataclass
class Episode:
    """One fault, from its cause to the resolution of its last alert. Times are Unix times in seconds.

    Attributes:
        fault: What goes wrong.
        began: When it began.
        fixed: When its cause was removed; ``None`` until then.
        fired: When each alert was first delivered, by its labels.
        resolved: When its resolution was delivered.
    """

    fault: Fault
    began: float
    fixed: float | None = None
    fired: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)
    resolved: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)

    def arrived(self) -> bool:
        """Whether the alert that must arrive has arrived."""
        return self.first(self.fault.alert) is not None

    def over(self) -> bool:
        """Whether its alert has arrived and all its alerts are resolved."""
        return self.arrived() and self.fired.keys() <= self.resolved.keys()

    def first(self, name: str) -> float | None:
        """When the first alert of a name was delivered."""
        times = [at for labels, at in self.fired.items() if ("alertname", name) in labels]
        return min(times, default=None)

    def last_resolved(self, name: str) -> float | None:
        """When the last alert of a name was resolved; ``None`` while one of them fires."""
        labels = [one for one in self.fired if ("alertname", name) in one]
        if not labels or not self.resolved.keys() >= set(labels):
            return None
        return max(self.resolved[one] for one in labels)


class Report:
    """Collects notifications, assigns them to the current fault, and prints them.

    Attributes:
        episodes: The faults shown so far.
        unexpected: Alerts that no fault explains.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # notifications arrive in the receiver's thread
        self._started = time.time()
        self.episodes: list[Episode] = []
        self.unexpected: list[Alert] = []

    def say(self, text: str) -> None:
        """Print a line with the seconds since the start."""
        print(f"{time.time() - self._started:6.1f} s  {text}", flush=True)

    def begin(self, fault: Fault) -> Episode:
        """Start a fault."""
        episode = Episode(fault, time.time())
        with self._lock:
            self.episodes.append(episode)
        self.say(f"--- {fault.cause}; {fault.alert} should fire")
        return episode

    def fix(self, episode: Episode) -> None:
        """Note that the cause was removed."""
        episode.fixed = time.time()
        self.say(f"--- fixed: {episode.fault.cause}; its alerts should resolve")

    def receive(self, notification: Notification) -> None:
        """Take a notification as Alertmanager delivers it."""
        with self._lock:
            alerts = [alert for alert in notification.alerts if alert.name not in UNRELATED]
            fresh = [alert for alert in alerts if self._is_news(alert, notification.arrived)]
            since = self._since_cause(notification.arrived)
        by_kind: dict[tuple[str, str, str], list[Alert]] = {}
        for alert in fresh:
            by_kind.setdefault((alert.status, alert.labels.get("severity", "-"), alert.name), []).append(
                alert
            )
        for (status, severity, name), alerts in by_kind.items():
            self.say(f"    [{status.upper()}] {severity} {name}{since[status]}")
            if status == "firing":
                print(_described(alerts), flush=True)

    def _is_news(self, alert: Alert, arrived: float) -> bool:
        """Record an alert, and return whether it is news: a notification repeats the older alerts of its group."""
        labels = tuple(sorted(alert.labels.items()))
        episode = self.episodes[-1] if self.episodes else None
        explained = episode is not None and alert.name in {episode.fault.alert, *episode.fault.related}
        if not explained or episode is None:
            unexpected = alert.status == "firing" and alert not in self.unexpected
            if unexpected:
                self.unexpected.append(alert)
            return unexpected
        if alert.status == "resolved":
            news = labels in episode.fired and labels not in episode.resolved
            episode.resolved.setdefault(labels, arrived)
            return news
        news = labels not in episode.fired or labels in episode.resolved
        episode.fired.setdefault(labels, arrived)
        episode.resolved.pop(labels, None)
        return news

    def _since_cause(self, arrived: float) -> dict[str, str]:
        if not self.episodes:
            return {"firing": "", "resolved": ""}
        episode = self.episodes[-1]
        fixed = "" if episode.fixed is None else f", {arrived - episode.fixed:.1f} s after its fix"
        return {"firing": f", {arrived - episode.began:.1f} s after its cause", "resolved": fixed}

    def table(self) -> str:
        """Cause, alert, seconds from the cause to the notification, and from its removal to the resolution."""
        rows = [("cause", "alert", "fired after", "resolved after")]
        for episode in self.episodes:
            for name in (episode.fault.alert, *sorted(episode.fault.related)):
                fired = episode.first(name)
                if fired is None and name in episode.fault.related:
                    continue
                resolved = episode.last_resolved(name)
                since = _seconds(resolved, episode.fixed)
                rows.append((episode.fault.cause, name, _seconds(fired, episode.began), since))
        widths = [max(len(row[at]) for row in rows) for at in range(4)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _seconds(at: float | None, since: float | None) -> str:
    return "never" if at is None or since is None else f"{at - since:.1f} s"


def _described(alerts: list[Alert]) -> str:
    """The text of the first alert, and the number of others of its kind."""
    annotations = alerts[0].annotations
    more = f" And {len(alerts) - 1} more like it." if len(alerts) > 1 else ""
    text = f"{annotations.get('summary', '')} {annotations.get('description', '')}{more}"
    return textwrap.fill(text, 110, initial_indent=" " * 15, subsequent_indent=" " * 15)
