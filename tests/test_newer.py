"""The newest servers of Debian are those that its index names, or nothing is tested with them."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.newer import NotFetchedError, downloaded, fetched, newest

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="packages are unpacked by dpkg")


def entry(name: str, version: str, content: bytes = b"") -> str:
    return f"""Package: {name}
Version: {version}
Description: a server
 with: several lines
Filename: pool/{name}_{version}.deb
SHA256: {hashlib.sha256(content).hexdigest()}
"""


def index(*entries: str) -> bytes:
    return lzma.compress("\n".join(entries).encode())


@pytest.fixture
def package(tmp_path: Path) -> bytes:
    """A package with one program."""
    control = tmp_path / "package/DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text("Package: a\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: a\n")
    program = tmp_path / "package/usr/bin/a"
    program.parent.mkdir(parents=True)
    program.write_text("program")
    file = tmp_path / "package.deb"
    subprocess.run(["dpkg-deb", "--build", file.with_suffix(""), file], check=True, capture_output=True)
    return file.read_bytes()


def mirror(*entries: str, package: bytes = b"") -> Callable[[str], bytes]:
    return lambda path: index(*entries) if path.endswith("Packages.xz") else package


def test_the_newest_version_of_each_package_is_chosen_as_debian_orders_them() -> None:
    found = newest(
        index(entry("a", "3.9-1"), entry("a", "3.10-1"), entry("b", "1"), entry("c", "1")), ["b", "a"]
    )
    assert [(one["Package"], one["Version"]) for one in found] == [("b", "1"), ("a", "3.10-1")]


def test_a_package_that_the_index_does_not_have_is_named() -> None:
    with pytest.raises(NotFetchedError, match="has no b"):
        newest(index(entry("a", "1")), ["a", "b"])


def test_what_is_not_what_the_index_says_is_not_unpacked(tmp_path: Path, package: bytes) -> None:
    with pytest.raises(NotFetchedError, match="has the checksum"):
        fetched(tmp_path / "newer", mirror(entry("a", "1", b"another"), package=package), ["a"])
    assert not list(tmp_path.rglob("newer/**/a"))


def test_a_package_is_unpacked_into_a_folder_of_its_version(tmp_path: Path, package: bytes) -> None:
    root = fetched(tmp_path / "newer", mirror(entry("a", "1-2", package), package=package), ["a"])
    assert (root.name, (root / "usr/bin/a").read_text()) == ("1-2", "program")


def test_what_is_unpacked_already_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "1-2").mkdir()
    assert fetched(tmp_path, mirror(entry("a", "1-2", b"never read")), ["a"]) == tmp_path / "1-2"


def test_a_mirror_that_cannot_be_reached_is_said_to_be_that() -> None:
    with pytest.raises(NotFetchedError, match="is there a network"):
        downloaded("http://127.0.0.1:9")("dists")
