"""Tables whose columns come from the data: names are names, and all columns are seen."""

from dashboards.reading import Json, panels
from dashboards.vocabulary.matrix import SAME


def _matrices(dashboard: Json) -> list[Json]:
    """Confusion matrices: tables with a column for each class."""
    return [panel for panel in panels(dashboard) if panel["title"].startswith("Confusion")]


def _override(panel: Json, column: str) -> dict[str, object]:
    (found,) = [one for one in panel["fieldConfig"]["overrides"] if one["matcher"]["options"] == column]
    return {one["id"]: one["value"] for one in found["properties"]}


def test_names_of_rows_that_are_numbers_are_not_given_the_unit_of_the_cells(dashboard: Json):
    """Grafana takes a class named 9 for 900 %."""
    for panel in _matrices(dashboard):
        column = _override(panel, "actual\\predicted")
        assert (column["unit"], column["custom.displayMode"]) == ("string", "auto")


def test_the_heading_of_rows_is_short_enough_to_be_read(dashboard: Json):
    for panel in _matrices(dashboard):
        assert _override(panel, "actual\\predicted")["displayName"] == "Actual"


def test_a_matrix_of_ten_classes_is_seen_whole(dashboard: Json):
    """A column of the grid is 55 pixels wide on a laptop, and Grafana's columns at least 150."""
    for panel in _matrices(dashboard):
        assert panel["fieldConfig"]["defaults"]["custom"]["minWidth"] * 12 <= 55 * panel["gridPos"]["w"]
        assert panel["gridPos"]["h"] >= 14


def test_errors_of_a_confusion_matrix_have_another_colour_than_what_is_right(dashboard: Json):
    """Grafana colours a cell by its value and its column: what is right has a column of its own."""
    for panel in _matrices(dashboard):
        right, errors = _override(panel, SAME), panel["fieldConfig"]["defaults"]
        assert right["displayName"] == "Correct"
        assert errors["color"]["mode"] == "continuous-reds"


def test_a_class_of_which_nothing_is_right_has_the_worst_colour(dashboard: Json):
    """A plain background reads as a cell without anything to say."""
    for panel in _matrices(dashboard):
        right = _override(panel, SAME)
        worst = right.get("thresholds", {}).get("steps", [{}])[0].get("color")
        assert right["color"]["mode"] == "continuous-RdYlGr" or worst == "red", panel["title"]


def test_what_is_right_is_the_first_column_whatever_the_classes_are_called(dashboard: Json):
    for panel in _matrices(dashboard):
        (order,) = (
            one["options"]["indexByName"] for one in panel["transformations"] if one["id"] == "organize"
        )
        assert order == {"actual\\predicted": 0, SAME: 1}


def test_a_cell_without_an_error_is_blank(dashboard: Json):
    """Ninety cells of 0 % hide the two that matter."""
    for panel in _matrices(dashboard):
        written = [one["options"] for one in panel["fieldConfig"]["defaults"]["mappings"]]
        assert written[0]["0"]["text"] == written[1]["result"]["text"] == " "
        assert written[1]["match"] == "null+nan"
