"""TLS for the loop's sockets."""

from __future__ import annotations

import socket
import ssl


class TlsSocket:
    """A non-blocking socket of a server that speaks TLS, with what the loop needs of it.

    The handshake takes place within the first bytes that are received.

    Args:
        context: The server's.
        client: Accepted, non-blocking.
    """

    def __init__(self, context: ssl.SSLContext, client: socket.socket) -> None:
        self._socket = context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def recv(self, size: int) -> bytes:
        """All that has arrived: a selector does not see what is already decrypted.

        Raises:
            BlockingIOError: Nothing yet.
        """
        try:
            received = self._socket.recv(size)
            while self._socket.pending():
                received += self._socket.recv(size)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        return received

    def send(self, data: memoryview) -> int:
        """Send a part; returns its length.

        Raises:
            BlockingIOError: The client has to receive first.
        """
        try:
            return self._socket.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def shutdown(self, how: int) -> None:
        """End one direction."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """Release it."""
        self._socket.close()
