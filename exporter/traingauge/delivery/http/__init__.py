"""The endpoint of a run: one thread, non-blocking sockets, and nothing of the network that training could wait for."""

from traingauge.delivery.http.endpoint import Server
from traingauge.delivery.http.scrapes import Scrapes

__all__ = ["Scrapes", "Server"]
