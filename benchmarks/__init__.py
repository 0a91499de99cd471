"""What traingauge costs, beside what others cost and what the machine allows: ``python -m benchmarks``.

Each row is a file. Everything in a row is measured in one run, in random order, and reported as a ratio to the row's own
base, because seconds differ between machines and between minutes, and ratios hardly do. Nothing here is a test: what is
timed cannot fail a build.
"""
