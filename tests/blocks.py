"""Runs the code blocks of a page as a reader would type them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from traingauge.stack.local import LocalHandler, LocalServer

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CURL = re.compile(r"^\$ curl -s http://\S+/metrics \| grep -E '(.*)'\n")

#: Asks the run that is open what the console block asks, and prints it in between two marks.
_ASK = """
import re, requests
print("<shown>")
for line in requests.get(monitor.url + "/metrics", timeout=30).text.splitlines():
    if re.search({pattern!r}, line):
        print(line)
print("</shown>")
"""


class _Alertmanager(LocalHandler):
    def post(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, "")


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of every block, in order."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def run(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the Python blocks in their order, in one process in an empty folder, with free ports in place of fixed ones.

    Alerts go to a server that takes them all, not to an Alertmanager of the machine.

    Blocks that sleep so that a person can watch do not here.

    Where a console block asks a run for its metrics with curl, the run is asked at this point.
    """
    typed = [_typed(kind, text) for kind, text in blocks(page)]
    script = re.sub(r"time\.sleep\([\d.]+\)", "time.sleep(0)", "\n".join(typed))
    script = re.sub(r"port=\d+", "port=0", re.sub(r'Endpoint\("[\d.]+", \d+\)', "Endpoint()", script))
    environment = os.environ | {
        "TRAINGAUGE_DISCOVERY_DIR": str(folder / "targets"),
        "TRAINGAUGE_LINGER_SECONDS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    with LocalServer("alertmanager", _Alertmanager) as alertmanager:
        script = script.replace("http://127.0.0.1:9093", alertmanager.url)
        command = [sys.executable, "-W", "error::UserWarning", "-c", script]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=folder, check=False
        )


def shown(page: Path) -> list[list[tuple[str, float]]]:
    """For each curl of the page, the samples that it shows."""
    return [samples(text) for _, text in curls(page)]


def curls(page: Path) -> list[tuple[str, str]]:
    """For each curl of the page, the pattern of the lines that it picks, and the lines that it shows."""
    found = [_CURL.match(text) for kind, text in blocks(page) if kind == "console"]
    return [(curl[1], curl.string[curl.end() :]) for curl in found if curl]


def answered(output: str) -> list[list[tuple[str, float]]]:
    """For each curl of the page, the samples that the runs gave."""
    return [samples(text) for text in re.findall(r"<shown>\n(.*?)</shown>", output, re.DOTALL)]


def samples(text: str) -> list[tuple[str, float]]:
    """Series and values of lines of the text format."""
    return [
        (series, float(value)) for series, _, value in (line.rpartition(" ") for line in text.splitlines())
    ]


def _typed(kind: str, text: str) -> str:
    asked = _CURL.match(text) if kind == "console" else None
    return _ASK.format(pattern=asked[1]) if asked else text if kind == "python" else ""
