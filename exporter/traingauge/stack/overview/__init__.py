"""The local page of ``traingauge up``: the runs of this machine and each run live, from what Prometheus has.

It is plain HTML and SVG, made when it is asked for: no script, no build, nothing to install. Grafana shows more.
"""
