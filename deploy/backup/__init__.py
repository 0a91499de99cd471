"""Backs up what the servers keep, while they run, and brings it back."""
