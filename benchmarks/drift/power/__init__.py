"""Whether drift can be trusted: false alarms on clean data, and power on known shifts, compared with scipy's tests.

``python -m benchmarks.drift.power`` measures, and writes ``docs/explanation/drift-power.md``. Results are appended to
``benchmarks/results`` as they come, so ``--resume`` continues an interrupted run and the page can be rewritten without
measuring. Seeds are fixed and depend on nothing but the cell, so the same command gives the same table, however many
processes share the work.
"""
