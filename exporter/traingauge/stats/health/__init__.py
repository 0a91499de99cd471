"""The health of a run as a Markov chain: signals give a state, and past states give the outlook.

``severity`` measures how far a signal is on its worse side, ``states`` maps a severity to a state, ``transitions``
estimates how states follow each other, and ``markov_chain`` computes probabilities and times from the estimate. Numpy
alone.
"""
