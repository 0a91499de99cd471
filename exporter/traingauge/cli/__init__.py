"""The command ``traingauge``: one file a command, listed in :mod:`traingauge.cli.main`."""
