"""Putting a dashboard together: sections of panels on the grid of 24 columns."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.vocabulary.identity import identify
from dashboards.vocabulary.links import MANY_RUNS, ONE_RUN, TAG, between_dashboards
from dashboards.vocabulary.sdk import Builder, Panel, dashboard, model
from dashboards.vocabulary.variables import datasource

#: Of Grafana 9.4. Newer ones migrate from it; an older one would not know a newer schema.
SCHEMA_VERSION = 37

COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Section:
    """A titled row and the panels below it, laid out from left to right.

    Attributes:
        title: The question that the panels answer; without one there is no row, which the first screen has no room for.
        panels: In the order in which to look at them.
        collapsed: Whether the row is shut to begin with; its panels ask nothing until it is opened.
    """

    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


def compose(
    *,
    uid: str,
    title: str,
    description: str,
    one_run: bool,
    variables: Sequence[Builder[model.VariableModel]],
    sections: Sequence[Section],
    annotations: Sequence[Builder[model.AnnotationQuery]] = (),
    since: str = "now-1h",
    refresh: str = "10s",
) -> model.Dashboard:
    """A whole dashboard.

    Args:
        uid: Stable, so that links to it last.
        title: Its name.
        description: What it is for.
        one_run: Whether it shows one run; otherwise as many as are chosen.
        variables: From left to right; the data source follows.
        sections: From top to bottom.
        annotations: Events drawn over every panel, of a dashboard that shows one run.
        since: Where the time range begins.
        refresh: How often it asks again.
    """
    builder = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG, ONE_RUN if one_run else MANY_RUNS])
        .timezone("browser")
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time(since, "now")
        .refresh(refresh)
        # In most places there is one data source: what is chosen more often comes first, and its label keeps room.
        .variables([*variables, datasource()])
        .annotations(list(annotations))
    )
    for link in between_dashboards(one_run=one_run):
        builder.link(link)
    built = builder.build()
    built.schema_version = SCHEMA_VERSION
    built.panels = _on_grid(sections)
    identify(built, one_run=one_run)
    return built


def _on_grid(sections: Sequence[Section]) -> list[model.Panel | model.RowPanel]:
    placed: list[model.Panel | model.RowPanel] = []
    top = 0
    for section in sections:
        if not section.title:
            panels, top = _flow(section.panels, top)
            placed += panels
            continue
        row = dashboard.Row(section.title).id(_panel_id(section.title)).collapsed(section.collapsed).build()
        row.grid_pos = model.GridPos(h=1, w=COLUMNS, x=0, y=top)
        panels, bottom = _flow(section.panels, top + 1)
        # A shut row carries its panels and takes no more room than itself.
        row.panels = panels if section.collapsed else []
        placed += [row] if section.collapsed else [row, *panels]
        top = top + 1 if section.collapsed else bottom
    return placed


def _flow(builders: Sequence[Panel], top: int) -> tuple[list[model.Panel], int]:
    """Panels from left to right, a new line where one no longer fits, and where the last line ends."""
    panels = [builder.build() for builder in builders]
    left, bottom = 0, top
    for panel in panels:
        assert panel.grid_pos is not None, f"{panel.title}: no size"
        if left + panel.grid_pos.w > COLUMNS:
            left, top = 0, bottom
        panel.id_val = _panel_id(panel.title)
        panel.grid_pos.x, panel.grid_pos.y = left, top
        left += panel.grid_pos.w
        bottom = max(bottom, top + panel.grid_pos.h)
    return panels, bottom


def _panel_id(title: str | None) -> int:
    """Number of a panel, from its title: links to it last when others come and go."""
    assert title, "a panel has a title"
    return zlib.crc32(title.encode()) % 1_000_000 + 1
