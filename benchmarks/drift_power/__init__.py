"""Whether drift can be trusted: false alarms on clean data, and power on known shifts, beside scipy's tests.

``python -m benchmarks.drift_power`` measures, and writes ``docs/drift_power.md``. What was measured is kept beside that page
as it comes, so a run that was interrupted goes on with ``--resume``, and the page can be written anew without hours of
measuring. Seeds are fixed and depend on nothing but the cell, so the same command gives the same table, however many
processes share the work.
"""
