"""What real receivers of remote write have in the end, next to what was recorded: ``python -m benchmarks.delivery``."""
