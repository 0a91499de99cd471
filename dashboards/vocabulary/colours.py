"""Colours by meaning, from the palette that Grafana has in its light and its dark theme."""

GOOD = "green"
CAUTION = "yellow"
WARNING = "orange"
CRITICAL = "red"
NEUTRAL = "blue"
MUTED = "text"
OVER = "purple"
