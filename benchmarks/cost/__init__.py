"""The cost of traingauge, compared with that of other tools and with the machine's limit: ``python -m benchmarks.cost``.

Each row is a file. All arms of a row are measured in one run, in random order, and reported as ratios to the row's base:
seconds differ between machines and between minutes, ratios less. Between processors of different makers some still differ
by half or more, so a page of results names its processor.
"""
