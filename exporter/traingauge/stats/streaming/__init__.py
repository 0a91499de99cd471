"""Statistics over streams that are too long to keep: the last values, moments, and windows side by side.

Numpy alone; no state of a run.
"""

from traingauge.stats.streaming.moments import Moments
from traingauge.stats.streaming.ring_buffer import RingBuffer
from traingauge.stats.streaming.windows import Statistics, Windows

__all__ = ["Moments", "RingBuffer", "Statistics", "Windows"]
