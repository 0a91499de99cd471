"""Statistics over streams that are too long to keep: recent values, moments, sliding windows, forecasts.

Numpy alone; nothing here knows a run.
"""

from traingauge.stats.streaming.moments import Moments
from traingauge.stats.streaming.ring_buffer import RingBuffer
from traingauge.stats.streaming.windows import Windows, WindowStatistics

__all__ = ["Moments", "RingBuffer", "WindowStatistics", "Windows"]
