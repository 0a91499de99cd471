"""What every dashboard is written in: queries over the catalogue, panel kinds, units, thresholds, layout."""
