"""Small real trainings that go wrong on purpose: one clock, one set of data, one network, one list of faults.

The dashboards' example history, the benchmark of the alerts, the demo and the pictures of the documentation are made from
it. Models train on real data and publish through the real exporter; only the clock is moved by hand, so that hours of
training take seconds.
"""
