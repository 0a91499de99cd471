"""Measurements, arranged by question: what it costs, which alerts find which faults, and whether drift can be trusted.

``cost`` and its peers, ``alerts`` and ``drift`` run by hand, write ``results`` and a page of the documentation each.
Nothing timed here is a test.
"""
