"""Colours by meaning, from the palette that Grafana has in its light and its dark theme."""

GOOD = "green"
WARNING = "orange"
CRITICAL = "red"
NEUTRAL = "blue"
MUTED = "text"
OVER = "purple"
