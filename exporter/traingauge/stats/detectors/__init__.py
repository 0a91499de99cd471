"""Detectors of change in a stream of numbers: a loss, an error, a gradient norm, the mean of a feature.

Each has a file of its own and the same shape: ``update(value)`` takes the next value and says whether it raises an alarm,
``statistic`` is what it looks at, ``alarms`` and ``nonfinite`` count. A NaN or infinite value is counted and does not
enter the state. Each states its average run length: how many values of a stream without change lie, on average, between
two alarms. No imports of ours, and no dependency but numpy.
"""
