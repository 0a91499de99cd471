"""The targets of a discovery directory as one list, for a Prometheus that does not see the directory.

The list is kept in memory: answering takes no time, however many runs there are. A file is read again only when it has
changed. What cannot be read just now stays as it was, because Prometheus drops what a list no longer has.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traingauge.archive import not_following
from traingauge.delivery.targets import LONGEST_BYTES, unnoticed

#: A name of a label that every version of Prometheus takes; for one that it does not take, it refuses the whole list.
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class _File:
    """A discovery file as it was read: the sign of a change, its targets as JSON, and whether its run noticed."""

    version: tuple[int, int, int]
    targets: bytes
    noticed: bool


class TargetList:
    """The targets of all runs that a directory announces.

    Args:
        directory: Where runs announce themselves.

    Attributes:
        skipped: Files that are no discovery files, as ``NAME: reason``.

    >>> import tempfile
    >>> listed = TargetList(Path(tempfile.mkdtemp())); listed.refresh(); listed.text
    b'[]'
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, _File] = {}
        self._text: bytes | None = None
        self.skipped: list[str] = []

    def __len__(self) -> int:
        """How many runs it lists."""
        return sum(bool(one.targets) for one in self._files.values())

    @property
    def text(self) -> bytes | None:
        """The list as JSON; ``None`` as long as the directory could not be read."""
        return self._text

    def refresh(self, *, noticed: bool = False) -> None:
        """Read what has changed.

        Args:
            noticed: Whether runs may take it that a Prometheus has read their files: it has asked for the list.

        Raises:
            OSError: The directory cannot be read; the list stays as it was.
        """
        found: dict[str, _File] = {}
        skipped: list[str] = []
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.name.endswith(".json"):
                    try:
                        found[entry.name] = self._read(entry, noticed=noticed)
                    except FileNotFoundError:
                        continue  # the run has just ended
                    except OSError as error:
                        skipped.append(f"{entry.name}: {error.strerror}")
                        if entry.name in self._files:
                            found[entry.name] = self._files[entry.name]
                    except (ValueError, RecursionError) as error:
                        skipped.append(f"{entry.name}: {error}")
        self.skipped = skipped
        if found != self._files or self._text is None:
            self._files = found
            self._text = b"[%s]" % b",".join(one.targets for _, one in sorted(found.items()) if one.targets)

    def _read(self, entry: os.DirEntry[str], *, noticed: bool) -> _File:
        status = entry.stat(follow_symlinks=False)
        version = status.st_mtime_ns, status.st_size, status.st_ino
        known = self._files.get(entry.name)
        if known is not None and known.version == version and (known.noticed or not noticed):
            return known
        text = _noticed(entry.path) if noticed else unnoticed(Path(entry.path))
        return _File(version, b",".join(json.dumps(one).encode() for one in _groups(text)), noticed)


def _noticed(path: str) -> bytes:
    with open(path, "rb", opener=not_following) as file:
        return file.read(LONGEST_BYTES)


def _groups(text: bytes) -> list[Any]:
    """Targets with their labels.

    Raises:
        ValueError: Prometheus would not accept them, nor the list that has them.
    """
    groups = json.loads(text)
    if not isinstance(groups, list) or not all(map(_fits, groups)):
        raise ValueError("expected a list of targets with labels that Prometheus takes")
    return groups


def _fits(group: Any) -> bool:
    return (
        isinstance(group, dict)
        and group.keys() == {"targets", "labels"}
        and isinstance(group["targets"], list)
        and isinstance(group["labels"], dict)
        and all(isinstance(one, str) for one in (*group["targets"], *group["labels"].values()))
        and all(map(_LABEL.fullmatch, group["labels"]))
    )
