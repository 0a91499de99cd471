"""A way to a server that can be blocked, as in an outage."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from benchmarks.delivery.servers import free_port


class Gate:
    """Passes connections on to a server until it is blocked.

    Args:
        to: Port of the server.
        silent: How it blocks: whether it accepts connections and never answers, or refuses them.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, to: int, *, silent: bool) -> None:
        self._to, self._silent, self._blocked = to, silent, False
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._open())

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def block(self) -> None:
        """Begin the outage."""
        self._run(self._block())

    def unblock(self) -> None:
        """End the outage; connections that were made before it, or in it, are reset."""
        self._run(self._unblock())

    def stop(self) -> None:
        """Close everything."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _close(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _end(self) -> None:
        await self._close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def _block(self) -> None:
        self._blocked = True
        if not self._silent:
            await self._close()

    async def _unblock(self) -> None:
        await self._close()
        self._blocked = False
        await self._open()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._blocked:
            return
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(to_server)
        await asyncio.gather(self._pass_on(reader, to_server), self._pass_on(from_server, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                if not self._blocked:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        writer.close()
