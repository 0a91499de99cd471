"""The server programs: where they are, which version they are, and how to get them."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import MissingProgramsError, OldProgramError

#: Names a folder that is searched before PATH: an unpacked release archive or an unpacked package.
SERVERS_VARIABLE = "TRAINGAUGE_SERVERS"

#: Installs Debian packages where that is possible, and says what to do where it is not.
APT_INSTALL = Path(__file__).with_name("apt-install")

#: Required programs with their file names; Debian renames Alertmanager ...
_REQUIRED = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
    "amtool": ("amtool",),
}
#: ... and the optional one.
_GRAFANA = ("grafana", "grafana-server")

#: The oldest versions that load the shipped files: Ubuntu 22.04 and conda-forge have older ones.
_OLDEST = {"prometheus": (2, 42), "alertmanager": (0, 25)}

_PACKAGES = ("prometheus", "prometheus-alertmanager")

#: Where packages put daemons, which need not be on PATH.
_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")

#: How to get Grafana, which is optional.
GRAFANA_ADVICE = (
    f"not found: install its package, or unpack its release archive and set {SERVERS_VARIABLE} to its folder"
)


@dataclass(frozen=True, slots=True)
class Program:
    """An installed program and the version that it reports ("unknown" if none)."""

    path: Path
    version: str


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs that a stack runs; ``grafana`` is ``None`` if it is not installed."""

    prometheus: Program
    promtool: Program
    alertmanager: Program
    amtool: Program
    grafana: Program | None = None


def find_programs(*, install: bool = True) -> Programs:
    """Find the servers in ``$TRAINGAUGE_SERVERS`` and on PATH, the former first.

    Args:
        install: Install missing programs with ``apt-install`` if possible.

    Raises:
        MissingProgramsError: Programs are missing; says which, where they were searched for, and what to do.
        OldProgramError: A server is too old for the shipped files.
    """
    found = _required()
    missing = [name for name, path in found.items() if path is None]
    if missing and install and subprocess.run([APT_INSTALL, *_PACKAGES], check=False).returncode == 0:
        found = _required()
        missing = [name for name, path in found.items() if path is None]
    if missing:
        raise MissingProgramsError(missing, _search_path(), advice())
    grafana = _which(_GRAFANA)
    required = {name: Program(path, version(path)) for name, path in found.items() if path is not None}
    for name, oldest in _OLDEST.items():
        _check_age(required[name], oldest)
    return Programs(**required, grafana=None if grafana is None else Program(grafana, version(grafana)))


def _check_age(program: Program, oldest: tuple[int, int]) -> None:
    """Refuse a server that says that it is older; its own message would be about a field that it does not know."""
    if (numbers := re.match(r"(\d+)\.(\d+)", program.version)) and tuple(map(int, numbers.groups())) < oldest:
        raise OldProgramError(str(program.path), program.version, ".".join(map(str, oldest)), advice())


def advice() -> str:
    """How to get Prometheus and Alertmanager on this system, one way a line."""
    return "\n".join(f"  {where:21} {how}" for where, how in _ways())


def _ways() -> Iterator[tuple[str, str]]:
    system = _system()
    if system & {"debian", "ubuntu"}:
        yield "on Debian and Ubuntu:", f"{APT_INSTALL} {' '.join(_PACKAGES)}  (or `traingauge up --install`)"
    if "fedora" in system:
        yield "on Fedora:", "sudo dnf install golang-github-prometheus golang-github-prometheus-alertmanager"
    if "darwin" in system:
        yield "on macOS:", "brew install prometheus alertmanager"
    archives = "unpack the release archives of https://prometheus.io/download/"
    if "conda" in system:
        yield "with conda:", f"{archives} and put the programs into $CONDA_PREFIX/bin"
    yield "anywhere:", f"{archives} into one folder and set {SERVERS_VARIABLE} to its path"
    yield "in containers:", "traingauge bundle export DIR --for compose"


def _system() -> set[str]:
    """What this machine and environment are, by the names of the distribution and of those that it is like."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    names = {sys.platform, release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    return names | ({"conda"} if os.environ.get("CONDA_PREFIX") else set())


def version(program: Path) -> str:
    """The version that a program reports, or "unknown"."""
    for flag in ("--version", "-v"):  # Grafana before version 10 knows only the short one
        answer = subprocess.run([program, flag], capture_output=True, text=True, timeout=30, check=False)
        if found := re.search(r"version:? v?(\d+\.\d+[^\s,]*)", answer.stdout + answer.stderr, re.IGNORECASE):
            return found[1]
    return "unknown"


def main() -> int:
    """Find or install the servers and print them; returns the exit status."""
    try:
        programs = find_programs()
    except MissingProgramsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name in (*_REQUIRED, "grafana"):
        program: Program | None = getattr(programs, name)
        print(f"{name:13} {f'{program.version}  {program.path}' if program else GRAFANA_ADVICE}")
    return 0


def _required() -> dict[str, Path | None]:
    return {name: _which(names) for name, names in _REQUIRED.items()}


def _which(names: tuple[str, ...]) -> Path | None:
    found = (shutil.which(name, path=_search_path()) for name in names)
    return next((Path(path).absolute() for path in found if path), None)


def _search_path() -> str:
    folders = []
    if servers := os.environ.get(SERVERS_VARIABLE):
        root = Path(servers).expanduser()
        # The folder itself, the archives unpacked in it, or packages unpacked with `dpkg -x`.
        folders = [
            root,
            root / "bin",
            root / "usr/bin",
            *sorted(path for path in root.glob("*/") if path.is_dir()),
        ]
    return os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS])


if __name__ == "__main__":
    sys.exit(main())
