"""Streaming classification scores: the statistics that a step is reduced to, and every score as a formula over them.

``alignment`` and ``clean_batch`` bring labels and predictions into rows, ``tasks`` recognises the task, ``classes`` and
``decisions`` turn labels and scores into class codes, and ``encoding`` applies all of these to a step. ``labels`` and
``counts`` sum over steps, and ``scores`` are formulas over the counts. ``probabilities`` and ``histograms`` do the same for
predicted probabilities. Numpy alone.
"""
