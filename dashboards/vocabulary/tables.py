"""Tables: a row for each set of labels, a column for each label or value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from dashboards.vocabulary.identity import IDENTITY
from dashboards.vocabulary.links import Link
from dashboards.vocabulary.names import WHERE
from dashboards.vocabulary.panels import NO_VALUE, describe, not_a_number
from dashboards.vocabulary.queries import DATASOURCE, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import dashboard, model, options, table
from dashboards.vocabulary.thresholds import Steps, steps
from dashboards.vocabulary.units import TEXT

#: How cells are drawn, by the name that Grafana 9.4 has for it; later ones migrate a dashboard of this schema.
CELL_MODE = "custom.displayMode"

#: The background of a cell has the colour of its value.
SOLID = model.DynamicConfigValue(CELL_MODE, "color-background-solid")


def shaded(panel: table.Panel) -> table.Panel:
    """Shade the background of every cell by its value, from light to dark."""
    panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.CONTINUOUS_BLUES))
    return panel.override_by_regexp("/.*/", [SOLID])


@dataclass(frozen=True, slots=True)
class Column:
    """A column, of a label or of the value of a query.

    Attributes:
        title: Its heading.
        width: In pixels, at least. Grafana gives a column without one at least 150, and cuts off the last ones.
        label: The label it shows, or
        expr: the expression whose value it shows; its result has the table's labels and no others.
        unit: Unit of the value.
        decimals: Digits after the point.
        mappings: Words for values.
        colouring: Colours by value; none if ``None``.
        link: Where a cell leads.
        fixed: Whether the column keeps its width, as columns of labels do if ``None``. The others share equally what those
            leave free.
    """

    title: str
    width: int
    label: str = ""
    expr: str = ""
    unit: str = TEXT
    decimals: int | None = None
    mappings: Sequence[model.ValueMapping] = ()
    colouring: Steps | None = None
    link: Link | None = None
    fixed: bool | None = None

    def properties(self) -> list[model.DynamicConfigValue]:
        """What is particular to the column, as Grafana has it."""
        fixed = bool(self.label) if self.fixed is None else self.fixed
        properties: dict[str, object] = {
            "unit": self.unit,
            "custom.width" if fixed else "custom.minWidth": self.width,
        }
        if self.decimals is not None:
            properties["decimals"] = self.decimals
        # A NaN looks as a value that is not there, unless the column has a word for it.
        properties["mappings"] = [*self.mappings, not_a_number(NO_VALUE, index=99)]
        if self.colouring is not None:
            properties["thresholds"] = steps(self.colouring).build()
            properties[CELL_MODE] = "color-text"
        if self.link is not None:
            properties["links"] = [self.link.property()]
        return [model.DynamicConfigValue(name, value) for name, value in properties.items()]


def rows(
    title: str,
    *columns: Column,
    description: str,
    sort_by: str,
    descending: bool = False,
    then_by: str = "",
    empty: Reason | None = None,
    every_row_has: str = "",
    width: int = 24,
    height: int = 8,
) -> table.Panel:
    """A table of the values now.

    Args:
        title: What is shown.
        columns: From left to right.
        description: What it says about a run, and what to look for.
        sort_by: Heading of the column that rows are sorted by.
        descending: Whether the largest comes first.
        then_by: Heading of the column that rows which are equal there are sorted by, the largest first.
        empty: Why it may be empty; without one it may not.
        every_row_has: Heading of the column that has a value in every row; the first column of values if left out.
        width: Columns of the grid's 24.
        height: Rows of the grid.
    """
    values = [column for column in columns if column.expr]
    full = next((column for column in values if column.title == every_row_has), values[0])
    panel = table.Panel().title(title).description(describe(description, empty)).datasource(DATASOURCE)
    panel.span(width).height(height).no_value(NO_VALUE).unit(TEXT).filterable(False)
    fields = {column.label: column for column in columns if column.label}
    for ref, column in zip(ascii_uppercase, values, strict=False):
        expr = column.expr
        if empty and column is full:
            expr += f" or on () {_no_row(columns, empty.short)}"
        panel.with_target(Query(expr, instant=True, table=True).target(ref))
        fields[f"Value #{ref}" if len(values) > 1 else "Value"] = column
    order = {name: columns.index(column) for name, column in fields.items()}
    titles = {name: column.title for name, column in fields.items()}
    panel.with_transformation(model.DataTransformerConfig("merge", options={}))
    panel.with_transformation(
        model.DataTransformerConfig(
            "organize",
            options={"excludeByName": {"Time": True}, "indexByName": order, "renameByName": titles},
        )
    )
    for column in columns:
        panel.override_by_name(column.title, column.properties())
    if "model" in fields:
        # Links need the labels of identity, empty where a run has none; *Where* shows them in one column.
        hidden = {"custom.hidden": True, "noValue": ""}
        for label in IDENTITY:
            panel.override_by_name(
                label, [model.DynamicConfigValue(name, value) for name, value in hidden.items()]
            )
    order_by = [(sort_by, descending), *([(then_by, True)] if then_by else [])]
    return panel.sort_by(
        [options.TableSortByFieldState().display_name(name).desc(down) for name, down in order_by]
    )


def _no_row(columns: Sequence[Column], nothing: str) -> str:
    """A row that says that there is none. Without it, the headings of values are all that Grafana shows.

    The first label without a link says so; the others are blank, so that their headings stay and no link leads nowhere.
    """
    labels = [column.label for column in columns if column.label and column.label != WHERE]
    says = next((column.label for column in columns if column.label and not column.link), labels[0])
    expr = f'label_replace(vector(NaN), "{says}", "{nothing}", "", "")'
    for label in labels:
        if label != says:
            expr = f'label_replace({expr}, "{label}", " ", "", "")'
    return expr
