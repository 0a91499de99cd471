"""Tests the rules and whole stacks with the newest servers of Debian: ``python -m tests.newer``.

``make setup`` installs the servers of this system's release. Debian's unstable has those of years later: its packages are
looked up in its index, compared with the checksums there, and unpacked into ``build/newer``, so that nothing is installed.
Further arguments are pytest's, in place of the tests that it runs otherwise.
"""

from __future__ import annotations

import functools
import hashlib
import lzma
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import requests

from traingauge.stack.programs import SERVERS_VARIABLE, find_programs

MIRROR = "https://deb.debian.org/debian"

PACKAGES = ("prometheus", "promtool", "prometheus-alertmanager")

FOLDER = Path("build/newer")

#: Rules, routes and notifications; from a run to a notification and back; ends of every kind; what operators paste.
TESTS = (
    "tests/alerting",
    "tests/end_to_end/test_alerts.py",
    "tests/process/test_ends_on_prometheus.py",
    "tests/deploy/test_operated.py",
)

#: Seconds without an answer of the mirror.
_PATIENCE = 60

Package = Mapping[str, str]


class NotFetchedError(Exception):
    """The servers cannot be had; the message says why."""


def main() -> int:
    """Returns the exit status of pytest, or 1."""
    try:
        servers = fetched(FOLDER, downloaded(MIRROR))
    except NotFetchedError as error:
        print(f"nothing was tested: {error}", file=sys.stderr)
        return 1
    folders = f"{servers / 'usr/bin'}{os.pathsep}{os.environ['PATH']}"
    os.environ.update({"PATH": folders, SERVERS_VARIABLE: str(servers)})
    found = find_programs(install=False)
    for program in (found.prometheus, found.promtool, found.alertmanager, found.amtool):
        print(f"{program.path.name:24}{program.version}", flush=True)
    command = [sys.executable, "-m", "pytest", *(sys.argv[1:] or TESTS)]
    return subprocess.run(command, check=False).returncode


def downloaded(mirror: str) -> Callable[[str], bytes]:
    """A function that reads a file of a mirror.

    Args:
        mirror: Its address.
    """

    def read(path: str) -> bytes:
        try:
            answer = requests.get(f"{mirror}/{path}", timeout=_PATIENCE)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise NotFetchedError(f"{mirror}/{path} cannot be read, is there a network? {error}") from error
        return answer.content

    return read


def fetched(folder: Path, read: Callable[[str], bytes], names: Sequence[str] = PACKAGES) -> Path:
    """Unpack packages, unless these versions are there.

    Args:
        folder: Where to.
        read: Reads a file of a mirror by its path.
        names: Of the packages.

    Returns:
        The root of the unpacked files; its name is made of the versions.

    Raises:
        NotFetchedError: A file cannot be read, a package is not in the index, or it is not what the index says.
    """
    packages = newest(read(f"dists/sid/main/binary-{_architecture()}/Packages.xz"), names)
    root = folder / "_".join(package["Version"] for package in packages)
    if not root.exists():
        unfinished = folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for package in packages:
            _unpack(checked(package, read(package["Filename"])), unfinished)
        unfinished.rename(root)
    return root.resolve()


def newest(index: bytes, names: Sequence[str]) -> list[Package]:
    """The newest version of each package.

    Args:
        index: Of a mirror, compressed.
        names: Of the packages.

    Raises:
        NotFetchedError: A package is not in the index.
    """
    packages = [one for one in _packages(lzma.decompress(index).decode()) if one["Package"] in names]
    if missing := set(names) - {package["Package"] for package in packages}:
        raise NotFetchedError(f"the index of Debian unstable has no {', '.join(sorted(missing))}")
    packages.sort(key=functools.cmp_to_key(_compared))
    return [{package["Package"]: package for package in packages}[name] for name in names]


def checked(package: Package, content: bytes) -> bytes:
    """The content of a package, which is what the index says.

    Args:
        package: Its entry in the index.
        content: What was read.

    Raises:
        NotFetchedError: It is something else.
    """
    if (found := hashlib.sha256(content).hexdigest()) != package["SHA256"]:
        raise NotFetchedError(f"{package['Filename']} has the checksum {found}, not {package['SHA256']}")
    return content


def _packages(index: str) -> Iterator[Package]:
    for entry in index.strip().split("\n\n"):
        yield dict(line.split(": ", 1) for line in entry.splitlines() if ": " in line and line[0] != " ")


def _compared(one: Package, other: Package) -> int:
    order = ("dpkg", "--compare-versions", one["Version"], "lt", other["Version"])
    return -1 if subprocess.run(order, check=False).returncode == 0 else 1


def _architecture() -> str:
    if shutil.which("dpkg") is None:
        raise NotFetchedError("packages of Debian are unpacked by dpkg, which is not installed")
    return subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()


def _unpack(content: bytes, folder: Path) -> None:
    file = folder / "package.deb"
    file.write_bytes(content)
    subprocess.run(["dpkg-deb", "--extract", file, folder], check=True)
    file.unlink()


if __name__ == "__main__":
    sys.exit(main())
