"""``python -m docs.judging``: train, and draw the pictures of the page on how a run is judged."""

from __future__ import annotations

import argparse
from pathlib import Path

from docs.judging import drawing, runs

PICTURES = Path(__file__).parents[1] / "explanation" / "pictures"


def main() -> None:
    """Draw each picture from runs of its own; it takes about a minute."""
    parser = argparse.ArgumentParser(prog="python -m docs.judging", description=__doc__)
    parser.add_argument("--output", type=Path, default=PICTURES, help="folder to draw into")
    parser.add_argument("--format", choices=("svg", "png"), default="svg")
    given = parser.parse_args()

    def path(name: str) -> Path:
        found: Path = given.output / f"{name}.{given.format}"
        print(found)
        return found

    drawing.spike(runs.spike(), path("statistics"))
    drawing.band(*runs.expected(), path("expected"))
    drawing.health(runs.out_of_hand(), path("health"))
    drawing.canary(runs.canary(), path("canary"))


if __name__ == "__main__":
    main()
