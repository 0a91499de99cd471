"""What the rules cost a Prometheus: ``python -m benchmarks.rules``."""
