"""Tables whose columns come from the data: names are names, and all columns are seen."""

from dashboards.reading import Json, panels


def _matrices(dashboard: Json) -> list[Json]:
    """Tables with a column for each value of a label."""
    return [
        panel
        for panel in panels(dashboard)
        if panel["type"] == "table"
        and any(one["id"] == "groupingToMatrix" for one in panel["transformations"])
    ]


def _override(panel: Json, column: str) -> dict[str, object]:
    (found,) = [one for one in panel["fieldConfig"]["overrides"] if one["matcher"]["options"] == column]
    return {one["id"]: one["value"] for one in found["properties"]}


def test_names_of_rows_that_are_numbers_are_not_given_the_unit_of_the_cells(dashboard: Json):
    """Grafana takes a class named 9 for 900 %."""
    for panel in _matrices(dashboard):
        if panel["title"].startswith("Confusion"):
            column = _override(panel, "actual\\predicted")
            assert (column["unit"], column["custom.displayMode"]) == ("string", "auto")


def test_the_heading_of_rows_is_short_enough_to_be_read(dashboard: Json):
    for panel in _matrices(dashboard):
        if panel["title"].startswith("Confusion"):
            assert _override(panel, "actual\\predicted")["displayName"] == "Actual"


def test_a_matrix_of_ten_classes_is_seen_whole(dashboard: Json):
    """A panel of 12 columns is 540 pixels wide on a laptop, and Grafana's columns at least 150."""
    for panel in _matrices(dashboard):
        if panel["title"].startswith("Confusion"):
            assert panel["fieldConfig"]["defaults"]["custom"]["minWidth"] * 11 <= 580
            assert panel["gridPos"]["h"] >= 14
