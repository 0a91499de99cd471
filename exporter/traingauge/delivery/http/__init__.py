"""The endpoint of a run: one thread, non-blocking sockets, and nothing of the network that training could wait for."""

from traingauge.delivery.http.endpoint import Endpoint
from traingauge.delivery.http.scrapes import Scrapes
from traingauge.delivery.http.server import Server

__all__ = ["Endpoint", "Scrapes", "Server"]
