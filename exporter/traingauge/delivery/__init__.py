"""How a run leaves the process: a file or folder for each way, which :mod:`traingauge.delivery.base` holds together."""
