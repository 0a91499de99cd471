"""Numerics on numpy arrays, independent of Prometheus and of any framework."""
