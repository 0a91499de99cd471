"""What later data, runs and models are compared with: a reference, a reference run, a canary.

``reference`` is the profile of the training data: ``tables`` and ``schema`` convert user input, ``summary`` reduces it in
one pass, ``profile`` divides it into bins, ``joint`` measures distances over all features together, and ``calibration``
sets thresholds. ``run`` records what a good run achieved, and ``canary`` the outputs of a trusted model.
"""

from traingauge.reference.reference import Reference

__all__ = ["Reference"]
