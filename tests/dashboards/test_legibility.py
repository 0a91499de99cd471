"""What was seen to be unreadable in Grafana's own frontend, held on the files that Grafana gets."""

from collections.abc import Iterator

from dashboards.reading import Json, panels
from dashboards.vocabulary.panels import NOT_APPLICABLE

#: Kinds of panels with an axis of values.
WITH_AXIS = {"timeseries", "trend", "barchart"}

#: Lines that are compared with, and not measured.
REFERENCES = ("threshold", "to beat", "best", "worst", "expected", "limit", "warm-up", "needed", "monitored")


def _defaults(panel: Json) -> Json:
    return panel["fieldConfig"]["defaults"]


def _overrides(panel: Json) -> Iterator[tuple[str, dict[str, object]]]:
    """What each override matches, and its properties."""
    for override in panel["fieldConfig"]["overrides"]:
        yield override["matcher"]["options"], {one["id"]: one["value"] for one in override["properties"]}


def test_events_are_drawn_as_lines_and_not_as_regions(dashboard: Json):
    """Grafana joins samples that follow each other: a state that lasts would colour everything behind it."""
    for annotation in dashboard["annotations"]["list"]:
        lasting = not annotation["expr"].startswith(("max by (model, run) (changes(", "label_replace(max by"))
        assert not lasting or annotation["useValueForTime"] is True, annotation["name"]


def test_no_event_is_drawn_where_many_runs_share_a_panel(dashboard: Json):
    if "traingauge-many-runs" in dashboard["tags"]:
        assert dashboard["annotations"]["list"] == []


def test_at_most_two_events_have_a_switch_on_top(dashboard: Json):
    assert sum(not annotation["hide"] for annotation in dashboard["annotations"]["list"]) <= 2


def test_no_number_is_abbreviated(dashboard: Json):
    """With Grafana's unit `short`, 1,200 steps read *1 K*."""
    for panel in panels(dashboard):
        used = {_defaults(panel).get("unit")} | {one.get("unit") for _, one in _overrides(panel)}
        assert "short" not in used, panel["title"]


def test_a_unit_with_a_name_of_its_own_is_one_space_away_from_the_number(dashboard: Json):
    for panel in panels(dashboard):
        assert not _defaults(panel).get("unit", "").startswith("suffix: "), panel["title"]


def test_an_axis_of_shares_is_not_limited_to_whole_numbers(dashboard: Json):
    """Without decimals, an axis of `percentunit` has the ticks 0 % and 100 % and no others."""
    for panel in panels(dashboard):
        if panel["type"] in WITH_AXIS and _defaults(panel).get("unit") == "percentunit":
            assert _defaults(panel).get("decimals") != 0, panel["title"]


def test_every_column_of_a_table_has_a_width(dashboard: Json):
    """Grafana gives one without at least 150 pixels, and cuts off the last columns."""
    for panel in panels(dashboard):
        organized = [one["options"] for one in panel.get("transformations", []) if one["id"] == "organize"]
        if panel["type"] == "table" and len(panel["targets"]) > 1:
            columns = {name for options in organized for name in options["renameByName"].values()}
            wide = {name for name, properties in _overrides(panel) if properties.get("custom.width")}
            assert columns <= wide | {"Step"}, panel["title"]


def test_lines_that_are_compared_with_stay_out_of_the_legend(dashboard: Json):
    for panel in panels(dashboard):
        if panel["type"] != "timeseries":
            continue
        hidden = {ref for ref, properties in _overrides(panel) if "custom.hideFrom" in properties}
        for target in panel["targets"]:
            if any(word in target["legendFormat"] for word in REFERENCES):
                assert target["refId"] in hidden, f"{panel['title']}: {target['legendFormat']}"


def test_a_legend_below_the_lines_is_a_list(dashboard: Json):
    """A table takes half of the height there."""
    for panel in panels(dashboard):
        if panel["type"] in {"timeseries", "trend"}:
            legend = panel["options"]["legend"]
            assert (legend["displayMode"], legend["placement"]) in {("list", "bottom"), ("table", "right")}


def test_strips_of_states_have_no_pages(dashboard: Json):
    """The switch between pages takes the height of a strip, even where there is one page."""
    for panel in panels(dashboard):
        if panel["type"] == "state-timeline":
            assert "perPage" not in panel["options"], panel["title"]


def test_a_tile_without_a_value_is_neither_green_nor_a_bar(dashboard: Json):
    """A dash is scaled to the tile, and takes the colour of the lowest values."""
    for panel in panels(dashboard):
        if panel["type"] == "stat":
            special = [one["options"] for one in _defaults(panel)["mappings"] if one["type"] == "special"]
            assert _defaults(panel)["noValue"] == NOT_APPLICABLE, panel["title"]
            assert [(one["match"], one["result"]["text"]) for one in special] == [("null", NOT_APPLICABLE)]
