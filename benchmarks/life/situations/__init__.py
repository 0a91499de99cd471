"""The situations, by what they are about. Importing a module adds its situations."""

from benchmarks.life.situations import deaths, learning, names, pace, places, servers

__all__ = ["deaths", "learning", "names", "pace", "places", "servers"]
