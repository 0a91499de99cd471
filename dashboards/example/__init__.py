"""A recorded history to look at the dashboards with: real training runs, healthy and faulty, in a real Prometheus.

Rendering and using the dashboards needs none of it.
"""
