"""HTTP to the servers of the stack."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from traingauge.stack.client import get
from traingauge.stack.signals import signals_as_exceptions

pytestmark = pytest.mark.usefixtures("default_handlers")

answered = threading.Event()


class Interrupting(BaseHTTPRequestHandler):
    """Sends this process SIGTERM in the middle of a request, and answers it later."""

    def do_GET(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)  # time for an exception that would not wait
        answered.set()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    answered.clear()
    with HTTPServer(("127.0.0.1", 0), Interrupting) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        thread.join()


def test_a_signal_in_the_middle_of_a_request_is_delivered_after_the_answer(url: str) -> None:
    with signals_as_exceptions(), pytest.raises(SystemExit) as ended:
        get(url)
    assert ended.value.code == 128 + signal.SIGTERM
    assert answered.is_set()
