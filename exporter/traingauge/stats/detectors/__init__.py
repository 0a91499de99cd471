"""Detectors of change in a stream of numbers: a loss, an error, a gradient norm, the mean of a feature.

Each has a file of its own and the interface of :class:`~traingauge.stats.detectors.detector.Detector`. Each documents its
average run length: the mean number of values between two alarms in a stream without change, and from a change to its alarm.
"""
