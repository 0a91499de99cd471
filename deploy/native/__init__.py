"""The native stack: real Prometheus and Alertmanager on this machine, from the shipped configuration.

``python -m deploy.native`` runs it for your own training scripts, :class:`deploy.native.stack.Stack` from a program or
a test, and :class:`deploy.native.webhook.WebhookReceiver` takes the notifications. ``python -m deploy.native.programs``
finds or installs the servers.
"""
