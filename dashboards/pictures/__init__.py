"""Pictures of the dashboards' layout, drawn from what a real Prometheus answers to their queries.

They are drawn with matplotlib and not by Grafana: same panels, same places, same values, other looks.
"""
