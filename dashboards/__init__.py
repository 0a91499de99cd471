"""The Grafana dashboards as code: one file a dashboard, over a small shared vocabulary.

``python -m dashboards`` renders them to ``dashboards/rendered``, which Grafana provisions from;
``--check`` fails if the committed files are not what the code renders.
"""
