"""Measurements, arranged by question: what it costs, which alerts find which faults, and whether drift can be trusted.

``cost`` and its peers, ``trackers``, ``alerts``, ``life`` and ``drift`` run by hand. Each writes ``results`` and a page.
Nothing timed here is a test.
"""
