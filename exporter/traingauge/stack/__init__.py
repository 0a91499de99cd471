"""The native stack: real Prometheus and Alertmanager on this machine, from the shipped configuration.

``traingauge up`` runs it for your own training scripts (:mod:`traingauge.stack.up`). :class:`~traingauge.stack.stack.Stack`
runs it in a program or a test, and :class:`~traingauge.stack.webhook.WebhookReceiver` receives the notifications.
``python -m traingauge.stack.programs`` finds or installs the servers.
"""
