"""Kills the servers of a launcher that died without stopping them (SIGKILL, out of memory).

The reaper is a separate process that reads lines from the launcher: ``+PID`` for a process group to watch, ``-PID`` for one
that was stopped. The pipe ends when the launcher is gone, however it ended, and the reaper kills every group still watched.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from types import TracebackType
from typing import IO, Self


class Reaper:
    """Watches process groups while its ``with`` block runs, and kills those that outlive this process."""

    def __enter__(self) -> Self:
        # In its own session, so that Ctrl-C on the terminal does not reach the reaper.
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        self._process.wait()

    def watch(self, group: int) -> None:
        """Kill this process group if the launcher dies."""
        self._say(f"+{group}")

    def release(self, group: int) -> None:
        """Stop watching a group, which has ended."""
        self._say(f"-{group}")

    def _say(self, line: str) -> None:
        with contextlib.suppress(
            BrokenPipeError
        ):  # without its reaper a stack still stops its servers itself
            print(line, file=self._pipe, flush=True)

    @property
    def _pipe(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin


def main() -> None:
    """Follow the launcher's lines until it is gone, then kill what it left running."""
    watched: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            watched.add(group)
        else:
            watched.discard(group)
    for group in watched:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
