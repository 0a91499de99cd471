"""``traingauge doctor``: the way from a run to a notification, checked step by step.

Each module has the checks of one part of the way; :data:`traingauge.stack.doctor.every.CHECKS` has their order. A check
yields findings, and never raises because what it looks at is broken: that is what it reports.
"""
