"""Reading and writing the YAML of configuration and rule files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigError


def load(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or holds something other than a mapping.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected a mapping, got {type(document).__name__}")
    return document


def dump(document: Mapping[str, Any], path: Path) -> None:
    """Write a YAML file, keys in the order of the document."""
    text = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=1000)
    path.write_text(text, encoding="utf-8")
