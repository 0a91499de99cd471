"""Prometheus remote write: a run sends every step itself, to whatever speaks the protocol."""
