"""A run's health as a Markov chain: from signals to states, from states to how it is likely to go on.

``strain`` measures how far signals are on their worse side, ``states`` makes a state of that, ``transitions`` estimates
how states follow each other, and ``chain`` answers questions about any chain. Numpy alone.
"""
