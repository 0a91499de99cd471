"""The bundle around the exporter: rules, runbooks, dashboards, and the configuration of the servers.

:mod:`traingauge.bundle.places` finds the shipped files, in a checkout and in an installed package.
"""
