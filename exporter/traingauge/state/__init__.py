"""A run's memory: its state on disk, whole at any moment, whatever ends the process.

``tree`` turns a state into plain JSON and one array, ``lock`` keeps a directory to one process, ``store`` keeps the last
good copies, and ``saver`` writes them while training goes on.
"""
