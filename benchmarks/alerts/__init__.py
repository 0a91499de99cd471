"""How many faults the shipped alert rules tell, how soon, and how often they cry wolf.

Real models train on real data and publish through the real exporter, whose clock is moved by hand, so that hours of
training take seconds. Faults are injected one at a time. What a scrape would have seen is recorded, and replayed through
the rule files as they are shipped, with none of their waiting times changed.

**Why promtool.** The replay is ``promtool test rules``: Prometheus' own rule engine and storage, with staleness, ``for``,
``keep_firing_for`` and the ``ALERTS`` series that some rules read, one evaluation after another. ``vmalert -replay``
speaks MetricsQL, whose ``rate``, ``increase`` and staleness are others; ``promtool tsdb create-blocks-from rules`` evaluates
each rule alone over all the time and knows no alerts. And promtool is there wherever Prometheus is. All runs are loaded
into one storage side by side, so the rules also have to keep them apart.

Rules are tuned on seeds of their own, from :data:`benchmarks.alerts.report.TUNING` on (``--first-seed``), so that those of
the proof say what the rules do to runs that nobody looked at. Where the proof misses something, it says so; whoever mends
the rules after that moves the proof to other seeds.

What a person is told is what is left after Alertmanager's inhibition, which :mod:`benchmarks.alerts.inhibition` evaluates
from the shipped configuration, and after its routes, which send what is only informative nowhere.
"""
