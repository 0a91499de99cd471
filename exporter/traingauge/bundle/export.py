"""Writes an export, and compares one with what this version would write.

A manifest in the folder says which platform and options an export was made with, and holds the hash of each file as it was
written. So a later version can be compared with it and written over it, and what a person has edited is not lost.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traingauge.bundle.options import Options
from traingauge.bundle.platforms import PLATFORMS, Files, files
from traingauge.errors import InvalidArgumentError, TrainGaugeError
from traingauge.version import __version__

MANIFEST = ".traingauge-bundle.json"


class EditedFilesError(TrainGaugeError, FileExistsError):
    """Writing an export would lose what a person has edited.

    Attributes:
        paths: The edited files, relative to the folder.
    """

    def __init__(self, folder: Path, paths: list[str]) -> None:
        self.paths = tuple(paths)
        shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        super().__init__(
            f"{folder} has files that are not as they were exported: {shown}; `traingauge bundle diff {folder}` shows what "
            "would change, --force overwrites them"
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of an export.

    Attributes:
        platform: One of the platforms.
        options: What it was made with.
        version: The version of traingauge that made it.
        hashes: SHA-256 of each file as it was written, by its path.
    """

    platform: str
    options: Options
    version: str
    hashes: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write it into the folder of the export."""
        document = {
            "platform": self.platform,
            "options": self.options.as_json(),
            "version": self.version,
            "files": self.hashes,
        }
        (folder / MANIFEST).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The manifest of a folder; ``None`` if there is none.

        Raises:
            InvalidArgumentError: It is damaged.
        """
        file = folder / MANIFEST
        try:
            document: Any = json.loads(file.read_text(encoding="utf-8"))
            options = Options.from_json(document["options"])
            hashes = {str(path): str(digest) for path, digest in document["files"].items()}
            return cls(str(document["platform"]), options, str(document["version"]), hashes)
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise InvalidArgumentError(f"{file} is damaged: {error}") from error


def export(folder: Path, platform: str, options: Options, *, force: bool = False) -> list[str]:
    """Write the files of a platform into a folder, and remove those of an earlier export that are no longer among them.

    Args:
        folder: Made if missing.
        platform: One of :data:`~traingauge.bundle.platforms.PLATFORMS`.
        options: How the files differ from the shipped ones.
        force: Overwrite files that a person has edited.

    Returns:
        The paths of the files, relative to the folder.

    Raises:
        UnknownNameError: There is no such platform.
        InvalidArgumentError: The options do not fit, or the folder has the export of another platform.
        EditedFilesError: Files were edited; nothing is written.
        OSError: A file cannot be written.
    """
    new, earlier = files(platform, options), Manifest.read(folder)
    if earlier is not None and earlier.platform != platform:
        raise InvalidArgumentError(
            f"{folder} has the export for {earlier.platform}: expected another folder for {platform}"
        )
    known = earlier.hashes if earlier is not None else {}
    if not force and (edited := _edited(folder, new, known)):
        raise EditedFilesError(folder, edited)
    for path in sorted(set(known) - set(new)):
        _inside(folder, path).unlink(missing_ok=True)
    for path, text in new.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    Manifest(platform, options, __version__, {path: _hash(text) for path, text in new.items()}).write(folder)
    return sorted(new)


def difference(folder: Path) -> Iterator[str]:
    """The lines of a unified diff from an export as it is to what this version writes with the same options.

    A file that a person has edited is marked as such.

    Raises:
        InvalidArgumentError: The folder has no export.
    """
    manifest = Manifest.read(folder)
    if manifest is None:
        raise InvalidArgumentError(
            f"{folder} has no {MANIFEST}: expected the folder of a `traingauge bundle export`"
        )
    if manifest.platform not in PLATFORMS:
        raise InvalidArgumentError(
            f"{folder} has an export for {manifest.platform}, which this version does not know"
        )
    new = files(manifest.platform, manifest.options)
    for path in sorted({*manifest.hashes, *new}):
        here = _text(_inside(folder, path))
        edited = here is not None and _hash(here) != manifest.hashes.get(path)
        yield from difflib.unified_diff(
            (here or "").splitlines(keepends=True),
            new.get(path, "").splitlines(keepends=True),
            f"{folder / path}{' (edited)' if edited else ''}",
            f"{path} of traingauge {__version__}",
        )


def _edited(folder: Path, new: Files, known: dict[str, str]) -> list[str]:
    """Files that are neither as the earlier export wrote them nor as the new one does."""
    texts = {path: _text(_inside(folder, path)) for path in {*known, *new}}
    return sorted(
        path
        for path, text in texts.items()
        if text is not None and text != new.get(path) and _hash(text) != known.get(path)
    )


def _inside(folder: Path, path: str) -> Path:
    """The file of a path that a manifest names, which may be anything."""
    file = folder / path
    if not file.resolve().is_relative_to(folder.resolve()):
        raise InvalidArgumentError(f"{folder / MANIFEST} names a file outside of the folder: {path}")
    return file


def _text(file: Path) -> str | None:
    """The content; ``None`` if there is no such file. What is no text is not as it was written."""
    try:
        return file.read_bytes().decode("utf-8", errors="backslashreplace")
    except FileNotFoundError:
        return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
