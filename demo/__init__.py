"""The demo: a real model on real images, made sick on purpose, on real servers. ``make demo`` runs it."""
