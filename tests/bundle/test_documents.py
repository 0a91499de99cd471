"""What ships is read and written without a YAML library, and is what such a library reads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from traingauge.bundle import documents
from traingauge.bundle.platforms import PLATFORMS

TEXTS = st.text(max_size=8) | st.sampled_from(
    [
        "yes",
        "1",
        "1e3",
        "0x1f",
        "~",
        "- a",
        "a: b",
        "a #b",
        "a ",
        "\x85",
        "\u2028",
        "\ufeff",
        "😀",
        "12:30:00",
    ]
)
SCALARS = TEXTS | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.dictionaries(
    TEXTS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=6,
    ),
    min_size=1,
    max_size=3,
)

#: Runs a command in a process in which YAML cannot be imported.
WITHOUT_YAML = """
import sys
sys.modules["yaml"] = None
from traingauge.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def without_yaml(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_YAML, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@given(DOCUMENTS)
@example({"a": 1e300, "b": -1e-5, "c": {}, "d": [[1], [], {"e": [{"f": "g"}]}]})
def test_what_is_written_is_read_as_it_was(document: dict[str, Any]) -> None:
    assert yaml.safe_load(documents.as_yaml(document)) == document


@pytest.mark.parametrize("name", documents.SHIPPED)
def test_a_shipped_document_is_what_its_file_says(name: str) -> None:
    file = documents.SHIPPED[name]
    assert documents.shipped(file) == yaml.safe_load(file.read_text())


def test_a_changed_document_leaves_the_next_one_as_it_was() -> None:
    (file, *_) = documents.SHIPPED.values()
    documents.shipped(file).clear()
    assert documents.shipped(file)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_is_exported_without_a_yaml_library(platform: str, tmp_path: Path) -> None:
    done = without_yaml("bundle", "export", tmp_path, "--for", platform, "--labels=cluster")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / ".traingauge-bundle.json").read_text())["files"]


def test_a_values_file_without_a_yaml_library_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "values.yml").write_text("namespace: monitoring\n")
    done = without_yaml("bundle", "export", tmp_path, "--for=mimir", f"--values={tmp_path / 'values.yml'}")
    assert done.stderr == "traingauge: yaml is not installed: pip install 'traingauge[yaml]'\n"
