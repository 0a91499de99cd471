"""The endpoint of a run: one thread, non-blocking sockets, and nothing of the network that training could wait for."""

from traingauge.server.endpoint import Server
from traingauge.server.scrapes import Scrapes

__all__ = ["Scrapes", "Server"]
