"""Pure numerics on numpy arrays: they know neither Prometheus nor a framework."""
