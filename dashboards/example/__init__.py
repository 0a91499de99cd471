"""A recorded history to look at the dashboards with: real training runs, healthy and sick, in a real Prometheus.

The runs train real models on real data and publish through the real exporter, with a clock that is moved by hand, so
that an hour of training takes seconds. Nothing of it is needed to render or to use the dashboards.
"""
