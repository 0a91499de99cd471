"""The reference: a compact profile of the training data, which later data is compared with.

``tables`` takes what training code has at hand, ``summary`` reduces it in one pass, ``profile`` cuts the
bins, ``file`` is how it is stored, and ``reference`` is what a training script sees.
"""

from traingauge.reference.reference import Reference

__all__ = ["Reference"]
