"""``python -m docs.generators.diagnostics``: train, and draw the pictures of the page on diagnostics."""

from __future__ import annotations

import argparse
from pathlib import Path

from docs.generators.diagnostics import drawing, runs

PICTURES = Path(__file__).parents[2] / "explanation" / "pictures"


def main() -> None:
    """Draw each picture from runs of its own; it takes half a minute."""
    parser = argparse.ArgumentParser(prog="python -m docs.generators.diagnostics", description=__doc__)
    parser.add_argument("--output", type=Path, default=PICTURES, help="folder to draw into")
    parser.add_argument("--format", choices=("svg", "png"), default="svg")
    given = parser.parse_args()

    def path(name: str) -> Path:
        found: Path = given.output / f"{name}.{given.format}"
        print(found)
        return found

    drawing.spike(runs.spike(), path("statistics"))
    drawing.band(*runs.expected(), path("expected"))
    drawing.health(runs.diverging(), path("health"))
    drawing.canary(runs.canary(), path("canary"))


if __name__ == "__main__":
    main()
