"""Colours by meaning, from the palette that Grafana has in its light and its dark theme."""

GOOD = "green"
CAUTION = "yellow"
WARNING = "orange"
CRITICAL = "red"
NEUTRAL = "blue"
MUTED = "text"
OVER = "purple"
TO_BEAT = "purple"
TRAIN = "blue"
VALIDATION = "yellow"
TEST = "super-light-purple"

#: Of a tile without a value, legible as text and as background in both themes.
NOTHING = "#8e8e8e"
