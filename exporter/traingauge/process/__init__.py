"""The process that training runs in: which runs are live in it, and how it ends.

A run that was not closed ends with its process, and most processes do not end by returning. What each end leaves to be seen:

===========================================  =================================================================
an uncaught exception                        ``sys.last_value``, when the interpreter exits
``sys.exit``, also inside a library          nothing, so the function is wrapped while runs are live
a training thread that dies                  ``threading.excepthook``
SIGTERM, SIGHUP                              a signal handler, and the wake-up pipe that the interpreter fills
a failed cell of an executed notebook        IPython's ``post_run_cell``
SIGKILL, ``os._exit``                        nothing: the target no longer answers
===========================================  =================================================================

:mod:`~traingauge.process.runs` keeps the live runs. It installs the hooks with the first of them, and removes them with
the last. :mod:`~traingauge.process.end` turns what a hook saw into the final state. Hooks only take notes, and call what
was there before; the runs are ended by ``atexit``, or by the thread of :mod:`~traingauge.process.signals`.
"""
