"""How what was recorded leaves the process: a folder or file for each way."""
