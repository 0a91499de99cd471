"""The file of a reference."""

from __future__ import annotations

from traingauge.archive import Archive

VERSION = 1

_FILE = Archive("traingauge-reference", VERSION, "reference")

write, read = _FILE.write, _FILE.read
