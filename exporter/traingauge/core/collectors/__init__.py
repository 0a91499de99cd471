"""A run's state, one file for each group of the catalogue. A part takes digested columns and yields families."""
