"""Reading and writing the YAML of configuration and rule files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from traingauge.bundle import documents as bundled
from traingauge.extras import require

from .errors import ConfigError


def load(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping. Shipped files need no PyYAML.

    Raises:
        ImportError: The file needs PyYAML, which is not installed.
        ConfigError: The file cannot be read, is not YAML, or holds something other than a mapping.
    """
    if (shipped := bundled.shipped(path)) is not None:
        return dict(shipped)
    yaml = require("yaml", "yaml")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected a mapping, got {type(document).__name__}")
    return document


def dump(document: Mapping[str, Any], path: Path) -> None:
    """Write a YAML file, keys in the order of the document."""
    path.write_text(bundled.as_yaml(document), encoding="utf-8")
