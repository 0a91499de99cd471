"""The demo: a real model on real images with three faults, monitored by real servers. ``make demo`` runs it."""
