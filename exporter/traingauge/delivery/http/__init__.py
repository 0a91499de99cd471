"""The endpoint of a process's runs: one thread with non-blocking sockets, so that training never waits for the network."""

from traingauge.delivery.http.endpoint import Endpoint
from traingauge.delivery.http.scrapes import Scrapes
from traingauge.delivery.http.served import ServedRun
from traingauge.delivery.http.server import Server

__all__ = ["Endpoint", "Scrapes", "ServedRun", "Server"]
