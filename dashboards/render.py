"""From the dashboards in code to the JSON that Grafana reads."""

from __future__ import annotations

import json
from pathlib import Path

from dashboards.every import DASHBOARDS
from dashboards.vocabulary.sdk import JSONEncoder, model

#: Where the committed JSON lies.
RENDERED = Path(__file__).parent / "rendered"


def as_json(dashboard: model.Dashboard) -> str:
    """A dashboard as the text of its file."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def rendered() -> dict[Path, str]:
    """What the code renders, by the file it belongs in."""
    return {RENDERED / f"{name}.json": as_json(build()) for name, build in DASHBOARDS.items()}


def outdated() -> list[str]:
    """Why the committed files are not what the code renders; empty if they are."""
    wanted = rendered()
    present = {path: path.read_text() for path in sorted(RENDERED.glob("*.json"))}
    reasons = [f"{path}: not rendered" for path in wanted if path not in present]
    reasons += [f"{path}: no dashboard renders it" for path in present if path not in wanted]
    return reasons + [f"{path}: differs" for path, text in wanted.items() if present.get(path, text) != text]


def write() -> list[Path]:
    """Write every dashboard, remove what no dashboard renders, and return the files."""
    wanted = rendered()
    RENDERED.mkdir(exist_ok=True)
    for path in RENDERED.glob("*.json"):
        if path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        path.write_text(text)
    return list(wanted)
