"""Drift: the distance between a window of data and a reference, computed from counts in bins.

``binning`` counts a batch into the bins of the reference, ``window`` accumulates the counts, ``shares`` smooths them into
shares, and each statistic over the shares has a file of its own. ``extractors`` reduces images and tokens to features.
Numpy alone.
"""
