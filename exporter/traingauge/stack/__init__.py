"""The native stack: real Prometheus and Alertmanager on this machine, from the shipped configuration.

``python -m traingauge.stack`` runs it for training scripts of your own. :class:`traingauge.stack.stack.Stack` runs it from a
program or a test, and :class:`traingauge.stack.webhook.WebhookReceiver` takes the notifications.
``python -m traingauge.stack.programs`` finds or installs the servers.
"""
