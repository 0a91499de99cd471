"""The native stack: real Prometheus and Alertmanager on this machine, from the shipped configuration.

``python -m traingauge.stack`` runs it for your own training scripts. :class:`traingauge.stack.stack.Stack` runs it in a
program or a test, and :class:`traingauge.stack.webhook.WebhookReceiver` receives the notifications.
``python -m traingauge.stack.programs`` finds or installs the servers.
"""
