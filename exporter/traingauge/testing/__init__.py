"""What tests of your own training code need: see what a run published, without a port or a server.

>>> from traingauge import ModelMonitor
>>> published = InMemory()
>>> with ModelMonitor("digits", delivery=[published]) as monitor:
...     monitor.step(loss=0.25)
>>> published.value("model_loss", split="train"), published.ended
(0.25, True)
"""

from traingauge.testing.deliveries import Broken, InMemory
from traingauge.testing.samples import Sample, samples
from traingauge.testing.session import RecordingSession

__all__ = ["Broken", "InMemory", "RecordingSession", "Sample", "samples"]
