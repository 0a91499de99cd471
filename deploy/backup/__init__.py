"""Back up the data of running servers, and restore it."""
