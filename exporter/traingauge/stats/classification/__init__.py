"""Streaming classification scores: what a step is reduced to, and every score as a formula over it.

``arrays`` takes what training code has at hand, ``alignment`` and ``steps`` bring it into rows, ``tasks`` finds out what
is being classified, ``classes`` and ``decisions`` turn it into codes, ``encoding`` does all that to a step. ``labels``
and ``counts`` add steps up, ``scores`` are formulas over counts. ``probabilities`` and ``histograms`` do the same for the
probabilities behind the labels. Numpy alone, no framework.
"""
