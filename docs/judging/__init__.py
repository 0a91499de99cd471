"""Pictures for the page on how a run is judged, from real runs."""
