"""The native stack: real Prometheus and Alertmanager on this machine, from the shipped configuration.

``python -m deploy.native`` runs it for your own training scripts; :class:`Stack` runs it from a program or a
test.
"""

from .programs import Program, Programs, find_programs
from .stack import Sample, Stack
from .webhook import Alert, Notification, WebhookReceiver

__all__ = [
    "Alert",
    "Notification",
    "Program",
    "Programs",
    "Sample",
    "Stack",
    "WebhookReceiver",
    "find_programs",
]
