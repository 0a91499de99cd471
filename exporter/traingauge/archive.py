"""The format of traingauge's files: a zip archive of arrays, which numpy and any zip tool can open.

``header.json`` describes the file in plain text, and each array is a ``.npy`` member, as ``numpy.savez`` writes them.
The format is not JSON, which would take five times the space and lose dtypes, and not pickle, because loading a file must
not run code. The header contains a SHA-256 checksum of everything else.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import DamagedFileError, NewerFileError

Array = NDArray[Any]
T = TypeVar("T")

#: Bytes beyond which a file is not compressed, so that no small file may claim to unpack to gigabytes.
UNPACKED_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """Reads and writes one kind of file.

    Attributes:
        format: Identifies the kind within the file.
        version: Version of the format, increased with every change that an older traingauge cannot read.
        what: Name of the kind, for error messages.
    """

    format: str
    version: int
    what: str

    def write(self, path: Path, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Write header and arrays atomically.

        Args:
            path: File to write; an existing one is replaced.
            header: Values that JSON can represent.
            arrays: Numeric arrays by name.

        Raises:
            OSError: The file cannot be written; an existing one is unchanged.
        """
        members = {f"{name}.npy": _dumped(array) for name, array in arrays.items()}
        whole = {**header, "format": self.format, "version": self.version}
        whole["sha256"] = _digest(whole, members)
        members["header.json"] = json.dumps(whole, indent=1).encode()
        large = sum(map(len, members.values())) > UNPACKED_BYTES
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                compression = zipfile.ZIP_STORED if large else zipfile.ZIP_DEFLATED
                with zipfile.ZipFile(file, "w", compression, compresslevel=1) as archive:
                    for name in sorted(members):
                        archive.writestr(name, members[name])
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def read(self, path: Path, *, follow: bool = True) -> tuple[dict[str, Any], dict[str, Array]]:
        """Read header and arrays.

        Args:
            path: File to read.
            follow: Whether it may be a symbolic link.

        Raises:
            NewerFileError: A newer version wrote the file.
            DamagedFileError: The file is of another kind, or damaged.
            OSError: The file cannot be read.
        """
        with open(path, "rb", opener=None if follow else not_following) as file:
            data = file.read()
        try:
            members = _unpacked(data)
            header = json.loads(members.pop("header.json"))
            if header["format"] != self.format:
                raise DamagedFileError(f"{path} is not a {self.what}: its format is {header['format']!r}")
            if header["version"] > self.version:
                raise NewerFileError(
                    f"{path} was written by a newer traingauge (format version {header['version']}, this one reads "
                    f"up to {self.version}): upgrade traingauge, or create the {self.what} again"
                )
            if header.pop("sha256") != _digest(header, members):
                raise DamagedFileError(f"{path} is damaged: its checksum does not match its content")
            return header, {name.removesuffix(".npy"): _loaded(data) for name, data in members.items()}
        except DamagedFileError:
            raise
        except Exception as error:  # parsers of damaged bytes raise almost anything
            raise DamagedFileError(f"{path} is not a {self.what}, or is damaged: {error}") from error

    def load(self, path: Path, restore: Callable[[dict[str, Any], dict[str, Array]], T]) -> T:
        """What ``restore`` makes of header and arrays.

        An intact archive need not hold what is expected of it: any error of ``restore`` means that it does not.

        Raises:
            DamagedFileError: As :meth:`read`, or ``restore`` cannot use the content.
            OSError: The file cannot be read.
        """
        header, arrays = self.read(path)
        try:
            return restore(header, arrays)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise DamagedFileError(f"{path} is damaged: it is no whole {self.what} ({error!r})") from error


def not_following(path: str, flags: int) -> int:
    """Opens a file that must not be a symbolic link, for ``open(…, opener=…)``; a pipe is not waited for either."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o600)


def _unpacked(data: bytes) -> dict[str, bytes]:
    """The members of an archive by name; nothing is unpacked if all of it would be too much."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        if unpacked > max(UNPACKED_BYTES, len(data)):
            raise ValueError(f"{len(data)} bytes claim to unpack to {unpacked}")
        strange = {member.compress_type for member in members} - {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        if strange:
            raise ValueError(f"compression {strange.pop()} is not one that traingauge writes")
        return {member.filename: archive.read(member) for member in members}


def _dumped(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _loaded(data: bytes) -> Array:
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _digest(header: Mapping[str, Any], members: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(members):
        digest.update(name.encode())
        digest.update(hashlib.sha256(members[name]).digest())
    return digest.hexdigest()
