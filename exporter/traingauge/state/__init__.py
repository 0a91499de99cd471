"""The state of a run on disk: complete at any moment, however the process ends.

``tree`` turns a state into plain JSON and one array, ``lock`` reserves a directory for one process, ``store`` keeps the last
good copies, ``log`` the rows of every step, and ``saver`` writes both while training continues.
"""
