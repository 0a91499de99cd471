"""How many faults the shipped alert rules detect, how soon, and how often they raise a false alarm.

Real models train on real data and publish through the real exporter, with a clock that is moved by hand, so that hours of
training take seconds. Faults are injected one at a time. What a scrape would have seen is recorded, and replayed through
the shipped rule files, with none of their waiting times changed.

**Why promtool.** The replay is ``promtool test rules``: Prometheus' own rule engine and storage, with staleness, ``for``,
``keep_firing_for`` and the ``ALERTS`` series that some rules read, one evaluation after another. ``vmalert -replay``
evaluates MetricsQL, whose ``rate``, ``increase`` and staleness differ; ``promtool tsdb create-blocks-from rules`` evaluates
each rule alone over the whole time and knows no alerts. promtool comes with Prometheus. All runs are loaded into one
storage, so the rules also have to keep them apart.

Rules are tuned on seeds of their own, from :data:`benchmarks.alerts.report.TUNING` on (``--first-seed``), so that the seeds
of the proof are new to the rules. Where the proof misses a target, the page says so; a fix of the rules after that needs a
proof on other seeds.

The alerts sent to a person are those that pass Alertmanager's inhibition, which :mod:`benchmarks.alerts.inhibition`
evaluates from the shipped configuration, and its routes, which drop informative alerts.
"""
