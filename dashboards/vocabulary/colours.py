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
VALIDATION = "green"
TEST = "super-light-purple"

#: Of a raw value behind a smoothed one, legible in both themes.
RAW = "#8e8e8e"

#: Of a tile without a value, legible as text and as background in both themes.
NOTHING = "#8e8e8e"

#: Of lines that are measured, in the order of a panel's queries. The colours of thresholds are not among them.
MEASURED = ("green", "blue", "purple", "super-light-purple")
