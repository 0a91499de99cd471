"""Streaming classification scores: what a step is reduced to, and every score as a formula over it.

``arrays`` takes what training code has at hand, ``tasks`` finds out what is being classified, ``encoding``
reduces a step to labels, ``counts`` adds labels up, and ``scores`` turns counts into scores. Numpy alone; no
state, no framework.
"""
