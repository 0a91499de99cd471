"""How far a window of data is from a reference: bins, shares and the statistics over them.

``binning`` counts a batch into the reference's bins, ``shares`` makes shares of the counts, and each
statistic has a file of its own. Numpy alone; no state.
"""
