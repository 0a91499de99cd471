"""Statistics over streams that are too long to keep: the last values, moments, and windows side by side.

Numpy alone; no state of a run.
"""

from traingauge.running.moments import Moments
from traingauge.running.ring import Ring
from traingauge.running.windows import Statistics, Windows

__all__ = ["Moments", "Ring", "Statistics", "Windows"]
