"""``python -m dashboards.pictures``: draw every dashboard into ``docs/dashboards``."""

from __future__ import annotations

import io
import json
import sys
import tempfile
from pathlib import Path
from string import Template

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from dashboards.example.store import Prometheus, Store
from dashboards.pictures.kinds import FAINT, INK, KINDS, PAPER, Answer, named_values
from dashboards.reading import Expression, Json
from dashboards.render import RENDERED
from simulation.clock import BEGIN

DOCS = Path(__file__).parents[2] / "docs" / "dashboards"

#: The moment of the pictures: the learning rate of the faulty run has just exploded. What is over by then, shifted images
#: and wrong labels, is drawn while it lasts.
NOW = BEGIN + 54.5 * 60
EARLIER = {
    "traingauge-data-and-drift": BEGIN + 21.5 * 60,
    "traingauge-classes": BEGIN + 39 * 60,
    "traingauge-run-overview": BEGIN + 39 * 60,
}

#: Inches of a column and of a row of the grid, and dots to the inch.
COLUMN, ROW, DPI = 0.62, 0.36, 96

#: The dashboard whose first sections are a picture of their own, for the README, and how many.
FIRST_SECTIONS = {"run-overview": 2}

#: What is chosen where a dashboard shows one run, and where it shows all.
ONE_RUN = {
    "model": "digits",
    "run": "faulty",
    "split": ".+",
    "class": ".+",
    "feature": ".+",
    "statistic": "psi",
    "signal": "loss",
    "moved": "block_1_1",
    "grid": "10",
}
ALL_RUNS = ONE_RUN | {"model": ".+", "run": ".+"}


def chosen(dashboard: Json) -> dict[str, str]:
    """The selection that shows a dashboard at work."""
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    selection = ALL_RUNS if variables["run"]["includeAll"] else ONE_RUN
    starts = variables.get("split", {}).get("current", {}).get("value")
    return selection | ({"split": starts} if starts else {})


def draw(dashboard: Json, prometheus: Prometheus) -> Figure:
    """One dashboard, every panel at its place."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"]) + 2
    figure = Figure(figsize=(24 * COLUMN, rows * ROW), facecolor=PAPER)
    selection, now = chosen(dashboard), EARLIER.get(dashboard["uid"], NOW)
    note = f"{dashboard['title']}: the layout, drawn with matplotlib from real query results (Grafana's looks differ)"
    figure.text(0.01, 1 - 1 / rows, note, color=INK, fontsize=13, va="center")
    for panel in dashboard["panels"]:
        position = panel["gridPos"]
        left, width = position["x"] / 24, position["w"] / 24
        top = 1 - (position["y"] + 2) / rows
        height = position["h"] / rows
        if panel["type"] == "row":
            arrow = "▸" if panel["collapsed"] else "▾"
            title = f"{arrow} {Template(panel['title']).safe_substitute(selection)}"
            figure.text(0.01, top - height / 2, title, color=INK, fontsize=11, va="center")
            continue
        figure.text(left + 0.008, top - 0.45 / rows, panel["title"], color=INK, fontsize=9, va="center")
        answers = [_answer(target, prometheus, selection, now) for target in panel["targets"]]
        left_margin, below = _room(panel, answers)
        axes = figure.add_axes(
            (
                left + left_margin,
                top - height + below / rows,
                width - left_margin - 0.012,
                height - (below + 1) / rows,
            )
        )
        axes.set_facecolor(PAPER)
        axes.tick_params(which="both", colors=INK, labelsize=7)
        for spine in axes.spines.values():
            spine.set_color(FAINT)
        KINDS[panel["type"]](axes, panel, answers, now)
    return figure


def _room(panel: Json, answers: list[Answer]) -> tuple[float, float]:
    """The margins of a panel: a share of the picture's width for the names of values, and rows for the legend."""
    match panel["type"]:
        case "timeseries" | "trend":
            return 0.045, 2.6
        case "barchart":
            return 0.085, 1.6
        case "heatmap" | "bargauge" | "state-timeline":
            names = [name for name, _ in named_values(answers)]
            return 0.015 + 0.0042 * max(map(len, names), default=0), 0.9
    return (0.045, 0.9) if "groupingToMatrix" in str(panel.get("transformations")) else (0.008, 0.5)


def _answer(target: Json, prometheus: Prometheus, selection: dict[str, str], now: float) -> Answer:
    text = Expression("", "panel", target["expr"]).filled_in(selection)
    asked = prometheus.at(text, now) if target.get("instant") else prometheus.over(text, until=now)
    return Answer(target, asked)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG of few colours, which keeps it small."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, dpi=DPI, facecolor=PAPER)
    Image.open(buffer).convert("RGB").quantize(256).save(path, optimize=True)


def save_first_sections(dashboard: Json, count: int, whole: Path) -> Path:
    """Cut the first sections out of a dashboard's picture."""
    tops = [panel["gridPos"]["y"] for panel in dashboard["panels"] if panel["type"] == "row"]
    path = whole.with_stem(f"{whole.stem}-top")
    with Image.open(whole) as picture:
        picture.crop((0, 0, picture.width, round((tops[count] + 2) * ROW * DPI))).save(path, optimize=True)
    return path


def main() -> int:
    """Draw all of them."""
    mpl.rcParams["font.family"] = "DejaVu Sans"
    DOCS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Store.made(Path(folder)).served() as prometheus:
        for path in sorted(RENDERED.glob("*.json")):
            picture, dashboard = DOCS / f"{path.stem}.png", json.loads(path.read_text())
            save(draw(dashboard, prometheus), picture)
            print(picture)
            if path.stem in FIRST_SECTIONS:
                print(save_first_sections(dashboard, FIRST_SECTIONS[path.stem], picture))
    return 0


if __name__ == "__main__":
    sys.exit(main())
