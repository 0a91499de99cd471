"""Every check, in the order of the way from a run to a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .copies import pushgateway, text_file
from .delivery import delivered
from .directories import discovery, state
from .finding import Check, Finding
from .grafana import grafana
from .notifications import alertmanager
from .pushing import remote_write
from .registering import registration
from .runs import endpoints, targets
from .servers import prometheus, rules
from .subject import Subject
from .variables import variables

#: Each check by what it is about.
CHECKS: Mapping[str, Check] = {
    "variables": variables,
    "discovery directory": discovery,
    "state directory": state,
    "runs": endpoints,
    "registration": registration,
    "Prometheus": prometheus,
    "targets": targets,
    "rules": rules,
    "Alertmanager": alertmanager,
    "test alert": delivered,
    "remote write": remote_write,
    "Pushgateway": pushgateway,
    "text file": text_file,
    "Grafana": grafana,
}


def examine(
    subject: Subject, begins: Callable[[str], object] = lambda name: None
) -> Iterator[tuple[str, Finding]]:
    """What each check finds, as it is found.

    Args:
        subject: What is examined.
        begins: Called with the name of each check before it, which may wait for seconds.
    """
    for name, check in CHECKS.items():
        begins(name)
        for finding in check(subject):
            yield name, finding.without_logins()
