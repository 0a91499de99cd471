"""What each tracker gets right: the same training, recorded by each of them, compared with a loop written by hand.

``python -m benchmarks.trackers`` trains and writes ``docs/explanation/trackers.md``. Nothing here is a test.
"""
