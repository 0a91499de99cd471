"""Heatmaps have the same colours in both themes, few enough rows, and something to draw without data."""

import promql_parser as promql
import pytest

from dashboards.reading import Json, panels
from dashboards.vocabulary.heatmap import AMOUNT, RED_WHEN_ANY, RED_WHEN_HIGH, RED_WHEN_LOW, ROWS, Shade

#: Schemes that Grafana turns round in every theme; those of one hue, in the dark theme alone.
SAME_IN_BOTH_THEMES = {"RdYlGn"}

#: What of a heatmap is good when it is high.
GOOD_WHEN_HIGH = ("Recall", "Precision")


def _heatmaps(dashboard: Json) -> list[Json]:
    return [panel for panel in panels(dashboard) if panel["type"] == "heatmap"]


def _expression(panel: Json) -> str:
    return panel["targets"][0]["expr"]


def test_a_heatmap_has_the_same_colours_in_the_dark_theme_and_in_the_light_one(dashboard: Json):
    for panel in _heatmaps(dashboard):
        colour = panel["options"]["color"]
        assert colour["mode"] == "opacity" or colour["scheme"] in SAME_IN_BOTH_THEMES, panel["title"]


def test_red_is_for_low_scores_and_for_high_distances(dashboard: Json):
    """Grafana draws `RdYlGn` from green to red, whatever its name says, unless it is reversed."""
    for panel in _heatmaps(dashboard):
        colour = panel["options"]["color"]
        if colour["mode"] == "scheme":
            assert colour["reverse"] == panel["title"].startswith(GOOD_WHEN_HIGH), panel["title"]


@pytest.mark.parametrize(
    ("shade", "mode", "reverse"),
    [
        (RED_WHEN_LOW, "scheme", True),
        (RED_WHEN_HIGH, "scheme", False),
        (RED_WHEN_ANY, "opacity", False),
        (AMOUNT, "opacity", False),
    ],
)
def test_a_shade_is_a_diverging_scheme_or_one_colour(shade: Shade, mode: str, reverse: bool):
    built = shade.options().build()
    assert (built.mode.value, bool(built.reverse)) == (mode, reverse)


def test_a_heatmap_has_a_row_where_there_is_no_data(dashboard: Json):
    """Grafana shows an exception in place of a heatmap without rows."""
    for panel in _heatmaps(dashboard):
        tree = promql.parse(_expression(panel).replace("$__range", "1h"))
        assert str(tree.op) == "or", panel["title"]
        assert str(tree.rhs).startswith("(label_replace(vector(NaN), "), panel["title"]


def test_a_heatmap_of_classes_or_features_has_few_enough_rows_to_be_read(dashboard: Json):
    for panel in _heatmaps(dashboard):
        if panel["targets"][0]["legendFormat"] in {"{{class}}", "{{feature}}"}:
            assert f"k({ROWS}, " in _expression(panel), panel["title"]
