"""What was seen to be unreadable in Grafana's own frontend, held on the files that Grafana gets."""

import json
import math
import re
from collections.abc import Iterator

import pytest

from alerting.inlined import thresholds
from dashboards.reading import Json, panels
from dashboards.render import RENDERED
from dashboards.vocabulary import colours
from dashboards.vocabulary.identity import IDENTITY
from dashboards.vocabulary.panels import MAY_BE_EMPTY, NO_DATA, NO_VALUE
from dashboards.vocabulary.states import HEALTH_COLOURS
from traingauge.catalog import CATALOG

#: Kinds of panels with an axis of values.
WITH_AXIS = {"timeseries", "trend", "barchart"}

#: The row of a table that says that there is none.
NO_ROW = re.compile(r' or on \(\) (?:label_replace\()+vector\(NaN\)(?:, "\w+", "[^"]+", "", ""\))+$')

#: The panel whose lines have the colours of states.
HEALTH_SHARES = "Share of time in each health state"

#: Lines that are compared with, and not measured.
REFERENCES = ("threshold", "to beat", "best", "worst", "expected", "limit", "warm-up", "needed", "monitored")


def _defaults(panel: Json) -> Json:
    return panel["fieldConfig"]["defaults"]


def _overrides(panel: Json) -> Iterator[tuple[str, dict[str, object]]]:
    """What each override matches, and its properties."""
    for override in panel["fieldConfig"]["overrides"]:
        yield override["matcher"]["options"], {one["id"]: one["value"] for one in override["properties"]}


def _changes(panel: Json) -> list[str]:
    return [one["id"] for one in panel.get("transformations", [])]


def test_events_are_drawn_as_lines_and_not_as_regions(dashboard: Json):
    """Grafana joins samples that follow each other: a state that lasts would colour everything behind it."""
    for annotation in dashboard["annotations"]["list"]:
        once = "offset $__interval" in annotation["expr"]
        assert once or annotation["useValueForTime"] is True, annotation["name"]


def test_no_event_is_drawn_where_many_runs_share_a_panel(dashboard: Json):
    if "traingauge-many-runs" in dashboard["tags"]:
        assert dashboard["annotations"]["list"] == []


def test_at_most_two_events_have_a_switch_on_top(dashboard: Json):
    assert sum(not annotation["hide"] for annotation in dashboard["annotations"]["list"]) <= 2


def test_every_control_but_the_data_source_has_its_label(dashboard: Json):
    """*psi* alone does not say what it chooses; the name of a data source does."""
    unlabelled = [one["name"] for one in dashboard["templating"]["list"] if one.get("hide") == 1]
    assert unlabelled == ["datasource"]


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
            wide = {
                name
                for name, properties in _overrides(panel)
                if {"custom.width", "custom.minWidth"} & set(properties)
            }
            assert columns <= wide | {"Step"}, panel["title"]


def test_five_runs_fit_a_table_by_step_on_a_laptop():
    """Its columns are runs, and have no names before there are any. A column of the grid is 55 pixels wide there."""
    compare = json.loads((RENDERED / "compare-runs.json").read_text())
    tables = [panel for panel in panels(compare) if panel["title"].endswith(" at step")]
    assert tables
    for panel in tables:
        assert 6 * _defaults(panel)["custom"]["minWidth"] <= 55 * panel["gridPos"]["w"], panel["title"]


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


def test_a_legend_of_the_losses_of_many_runs_has_no_last_value(dashboard: Json):
    """Grafana takes the last one that is not a NaN: the run that fell apart would look as good as before."""
    if "traingauge-many-runs" in dashboard["tags"]:
        for panel in panels(dashboard):
            if panel["type"] in {"timeseries", "trend"} and "model_loss" in json.dumps(panel["targets"]):
                assert panel["options"]["legend"]["calcs"] == [], panel["title"]


def test_a_legend_says_so_where_the_loss_or_a_score_of_a_run_is_not_a_number(dashboard: Json):
    """Grafana's usual last value is the last that is a number: one from before the run broke."""
    scores = [metric.name for metric in CATALOG.values() if metric.better and metric.labels == ("split",)]
    breaks = re.compile(rf"\b({'|'.join(scores)}|model_loss_window_mean|model_gradient_norm)\b")
    for panel in panels(dashboard):
        if panel["type"] != "timeseries" or "traingauge-one-run" not in dashboard["tags"]:
            continue
        hidden = {ref for ref, style in _overrides(panel) if style.get("custom.hideFrom", {}).get("legend")}
        if any(breaks.search(one["expr"]) for one in panel["targets"] if one["refId"] not in hidden):
            assert panel["options"]["legend"]["calcs"][:1] == ["last"], panel["title"]
            (word,) = (one["options"] for one in _defaults(panel)["mappings"])
            assert (word["match"], word["result"]["text"]) == ("nan", "NaN"), panel["title"]
            assert "A" in hidden, "Grafana may append an empty value to the first line of a run that is over"


def test_a_panel_of_events_has_no_more_bars_than_can_be_seen(dashboard: Json):
    """Each is a sum over every series of a counter."""
    for panel in panels(dashboard):
        if _defaults(panel).get("custom", {}).get("drawStyle") == "bars":
            assert panel["maxDataPoints"] <= 100, panel["title"]


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
            says = _defaults(panel)["noValue"]
            assert says != NO_VALUE, panel["title"]
            assert [(one["match"], one["result"]["text"]) for one in special] == [("null", says)]


def test_a_panel_that_may_be_empty_says_why_in_its_place(dashboard: Json):
    """A mere *n/a* could as well be a fault of monitoring."""
    for panel in panels(dashboard):
        if MAY_BE_EMPTY in panel["description"] and panel["type"] in {"timeseries", "stat", "bargauge"}:
            assert _defaults(panel)["noValue"] not in {NO_VALUE, NO_DATA, "n/a"}, panel["title"]
    assert '\\"n/a\\"' not in json.dumps(dashboard), "rows of heatmaps, strips and tables"


def test_a_reason_is_short_enough_for_a_legend(dashboard: Json):
    """Grafana writes it there after every line that has no value."""
    for panel in panels(dashboard):
        if panel["type"] in {"timeseries", "stat", "bargauge"}:
            assert len(_defaults(panel)["noValue"]) <= 30, panel["title"]


@pytest.mark.parametrize(
    ("name", "titles", "reasons"),
    [
        ("run-overview", ("Critical", "Warning"), ("there is no run", "does not have the rules")),
        (
            "data-and-drift",
            ("Strongest drift", "Multivariate drift"),
            ("no drift reference", "enough samples"),
        ),
        ("classes", ("Most confused",), ("no sample is predicted as another", "too many classes")),
        ("run-overview", ("Accuracy and F1 of each output",), ("has one output", "tells classes apart")),
        ("run-overview", ("Regression error of each output",), ("has one output", "is a quantity")),
    ],
)
def test_a_panel_that_is_empty_for_one_of_two_reasons_does_not_claim_the_other(
    name: str, titles: tuple[str, ...], reasons: tuple[str, str]
):
    """A run without a reference would seem to be waited for, and a run without rules not to be there."""
    found = [
        one
        for one in panels(json.loads((RENDERED / f"{name}.json").read_text()))
        if one["title"] in titles and all(reason in one["description"] for reason in reasons)
    ]
    assert len(found) == len(titles)
    for panel in found:
        says = json.dumps([_defaults(panel)["noValue"], [target["expr"] for target in panel["targets"]]])
        claimed = re.search(r'"(no run|not known yet|none|no classes|no regression)\\*"', says)
        assert not claimed, panel["title"]


def test_a_legend_does_not_name_the_run_where_one_is_shown(dashboard: Json):
    if "traingauge-one-run" in dashboard["tags"]:
        for panel in panels(dashboard):
            for target in panel["targets"]:
                assert "{{called}}" not in target.get("legendFormat", ""), panel["title"]


def test_where_many_runs_share_a_panel_a_line_has_a_name_that_no_other_has(dashboard: Json):
    """Two runs of one name on two clusters would be one line in a legend."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            assert "{{run}}" not in target.get("legendFormat", ""), panel["title"]


def test_at_most_twenty_panels_are_open_at_first(dashboard: Json):
    opened = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len(opened) <= 20


def test_a_logarithmic_axis_has_a_unit_that_can_be_read_at_every_order_of_magnitude(dashboard: Json):
    """Without one, 0.01 is labelled *0*."""
    for panel in panels(dashboard):
        scale = _defaults(panel).get("custom", {}).get("scaleDistribution", {})
        if scale.get("type") == "log":
            assert _defaults(panel)["unit"] in {"sci", "locale"}, panel["title"]


def _distances(dashboard: Json) -> list[Json]:
    """The panels whose lines are distances in standard deviations."""
    distances = re.compile(r"\bmodel_(health_strain|deviation|signal_robust_zscore|signal_zscore)\b")
    return [
        panel
        for panel in panels(dashboard)
        if "standard deviations" in panel["description"] and panel["type"] == "timeseries"
        if any(distances.search(target["expr"]) for target in panel["targets"])
    ]


def test_the_small_loss_of_one_output_is_not_flattened_by_that_of_another():
    """A mean squared error is often hundreds of times below a cross-entropy."""
    overview = json.loads((RENDERED / "run-overview.json").read_text())
    (loss,) = (one for one in panels(overview) if one["title"] == "Loss of each output")
    assert _defaults(loss)["custom"]["scaleDistribution"]["type"] == "symlog"


def test_distances_in_standard_deviations_are_not_flattened_by_one_spike(dashboard: Json):
    for panel in _distances(dashboard):
        assert _defaults(panel)["custom"]["scaleDistribution"]["type"] == "symlog", panel["title"]


def test_distances_in_standard_deviations_end_where_an_axis_can_still_be_read(dashboard: Json):
    """An explosion takes a z-score to 1e21: 22 digits in a legend, and no room between the labels of an axis."""
    for panel in _distances(dashboard):
        assert all(target["expr"].endswith(", -1000, 1000)") for target in panel["targets"]), panel["title"]
        words = {one["options"]["result"]["text"] for one in _defaults(panel)["mappings"]}
        assert words == {"≥ 1,000", "≤ -1,000"}, panel["title"]


def test_the_share_of_drifted_features_is_red_from_the_threshold_of_the_critical_alert_on():
    """As the line under it, which has the threshold drawn in."""
    data = json.loads((RENDERED / "data-and-drift.json").read_text())
    (tile,) = (panel for panel in panels(data) if panel["title"] == "Features drifted")
    assert _defaults(tile)["unit"] == "percentunit"
    (red,) = (one["value"] for one in _defaults(tile)["thresholds"]["steps"] if one["color"] == "red")
    assert red == thresholds()["features_drifted_ratio"]["critical"]


def test_a_state_has_its_own_colour_wherever_it_is_drawn():
    """Those of the palette would show healthy in blue and degraded in green."""
    overview = json.loads((RENDERED / "run-overview.json").read_text())
    (shares,) = (panel for panel in panels(overview) if panel["title"] == HEALTH_SHARES)
    shades = {ref: properties["color"] for ref, properties in _overrides(shares)}
    drawn = {
        re.search(r'state="(\w+)"', target["expr"])[1]: shades[target["refId"]]["fixedColor"]
        for target in shares["targets"]
    }
    assert drawn == HEALTH_COLOURS


def test_the_first_screen_of_a_laptop_shows_health_loss_alerts_and_strips():
    """Of its 768 pixels, Grafana's own bars and two rows of controls leave room for 15 units of 38 pixels."""
    overview = json.loads((RENDERED / "run-overview.json").read_text())
    on_first_screen = [
        panel["title"] for panel in overview["panels"] if panel["gridPos"]["y"] + panel["gridPos"]["h"] <= 15
    ]
    assert on_first_screen == [
        *("Health", "State", "Critical", "Warning", "Non-finite", "Progress", "Time left"),
        *("Loss", "Firing alerts", "State and health $cluster $namespace $team $tier"),
    ]


def test_the_first_screen_of_the_fleet_gives_each_run_a_reason():
    fleet = json.loads((RENDERED / "fleet.json").read_text())
    (runs,) = (panel for panel in fleet["panels"] if panel["title"] == "Runs")
    assert runs["gridPos"]["y"] + runs["gridPos"]["h"] <= 15
    columns = [name for name, _ in _overrides(runs)]
    assert columns[:4] == ["Run", "Severity", "First alert", "About"]
    assert runs["options"]["sortBy"][0] == {"displayName": "Severity", "desc": True}


def test_the_most_severe_is_first_in_every_table_with_the_same_arrow(dashboard: Json):
    for panel in panels(dashboard):
        for order in panel["options"].get("sortBy", []) if panel["type"] == "table" else ():
            if order["displayName"] == "Severity":
                assert order["desc"] is True, panel["title"]


def test_the_start_of_an_alert_is_that_of_its_condition_and_the_table_says_so(dashboard: Json):
    """A notification has the later moment at which the alert fired."""
    for panel in panels(dashboard):
        if panel["title"].startswith("Firing alerts"):
            (since,) = (target for target in panel["targets"] if "ALERTS_FOR_STATE" in target["expr"])
            headings = panel["transformations"][1]["options"]["renameByName"]
            assert headings[f"Value #{since['refId']}"] == "Holds since"
            assert "A notification says when the alert fired" in panel["description"]


def test_titles_fit_their_panels_on_a_laptop(dashboard: Json):
    """A column of the grid is 55 pixels wide there, a letter of a title 8, and icons take 50."""
    for panel in panels(dashboard):
        assert 8 * len(panel["title"]) + 50 <= 55 * panel["gridPos"]["w"], panel["title"]


def test_columns_of_values_share_the_room_that_names_leave(dashboard: Json):
    """Columns whose widths are all fixed leave a third of a wide screen blank."""
    for panel in panels(dashboard):
        if panel["type"] == "table":
            fixed = {name for name, properties in _overrides(panel) if "custom.width" in properties}
            growing = {name for name, properties in _overrides(panel) if "custom.minWidth" in properties}
            assert growing or not fixed, panel["title"]


def test_a_table_that_may_be_empty_has_a_row_that_says_so(dashboard: Json):
    """Headings without a row look as if something had failed."""
    for panel in panels(dashboard):
        if (
            panel["type"] == "table"
            and _changes(panel) == ["merge", "organize"]
            and MAY_BE_EMPTY in panel["description"]
        ):
            assert sum(bool(NO_ROW.search(target["expr"])) for target in panel["targets"]) == 1, panel[
                "title"
            ]


def test_the_row_that_stands_for_none_keeps_the_heading_of_every_label(dashboard: Json):
    """Grafana knows the headings of labels from rows alone."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            if NO_ROW.search(target["expr"]):
                (organized,) = (one for one in panel["transformations"] if one["id"] == "organize")
                labels = {
                    name for name in organized["options"]["renameByName"] if not name.startswith("Value")
                }
                kept = re.findall(r'"(\w+)", "[^"]+", "", ""\)', NO_ROW.search(target["expr"])[0])
                assert labels - {"where"} == set(kept), panel["title"]


def test_a_row_that_stands_for_none_leads_nowhere(dashboard: Json):
    """There is no runbook for the alert *nothing fires*."""
    for panel in panels(dashboard):
        titles = {
            label: title
            for one in panel.get("transformations", [])
            for label, title in one["options"].get("renameByName", {}).items()
        }
        linked = {name for name, properties in _overrides(panel) if "links" in properties}
        for target in panel["targets"]:
            for label, text in re.findall(r'"(\w+)", "([^"]+)", "", ""\)', target["expr"]):
                assert titles.get(label) not in linked or not text.strip(), panel["title"]


def test_the_columns_of_a_table_fit_its_panel_on_a_laptop(dashboard: Json):
    """A column of the grid is 55 pixels wide there. Those without a width of their own share equally what others leave."""
    for panel in panels(dashboard):
        columns = [properties for _, properties in _overrides(panel)]
        fixed = sum(one.get("custom.width", 0) for one in columns)
        growing = [one["custom.minWidth"] for one in columns if "custom.minWidth" in one]
        if panel["type"] == "table" and _changes(panel) == ["merge", "organize"]:
            room = 55 * panel["gridPos"]["w"]
            share = (room - fixed) / max(len(growing), 1)
            assert fixed + sum(max(share, least) for least in growing) <= room + 1, panel["title"]
            styles = dict(_overrides(panel))
            for heading in (one["displayName"] for one in panel["options"]["sortBy"]):
                width = styles[heading].get("custom.width") or max(share, styles[heading]["custom.minWidth"])
                assert width >= 7 * len(heading) + 40, f"{panel['title']}: {heading} and its arrow"


def test_a_moment_ago_fits_its_column(dashboard: Json):
    """The longest words for it are *a few seconds ago*."""
    for panel in (one for one in panels(dashboard) if one["type"] == "table"):
        for heading, style in _overrides(panel):
            if style.get("unit") == "dateTimeFromNow":
                assert style.get("custom.width", style.get("custom.minWidth")) >= 136, (
                    f"{panel['title']}: {heading}"
                )


def test_a_count_that_there_cannot_be_is_a_word():
    dashboard = json.loads((RENDERED / "compare-runs.json").read_text())
    (table,) = (panel for panel in panels(dashboard) if panel["title"] == "Chosen runs")
    column = dict(_overrides(table))["Below baseline"]
    (word,) = (one["options"] for one in column["mappings"] if one["type"] == "range")
    assert (word["result"]["text"], word["to"]) == ("not finite", None)
    assert len(CATALOG) < word["from"] < math.inf


def test_a_class_that_is_never_predicted_says_so_in_place_of_its_precision():
    dashboard = json.loads((RENDERED / "classes.json").read_text())
    (table,) = (panel for panel in panels(dashboard) if panel["title"] == "Classes by recall")
    (first, *_) = dict(_overrides(table))["Precision"]["mappings"]
    assert (first["options"]["match"], first["options"]["result"]["text"]) == ("nan", "never predicted")


def test_what_is_measured_does_not_have_the_colour_of_a_threshold(dashboard: Json):
    """Where each query gives one line; Grafana chooses the colours of several by itself."""
    for panel in panels(dashboard):
        styles = dict(_overrides(panel))
        measured = [
            target
            for target in panel["targets"]
            if panel["type"] == "timeseries" and "custom.hideFrom" not in styles.get(target["refId"], {})
        ]
        if not any("{{" in target["legendFormat"] for target in measured):
            drawn = [styles[target["refId"]]["color"]["fixedColor"] for target in measured]
            assert panel["title"] == HEALTH_SHARES or not {"red", "orange", "yellow"} & set(drawn), panel[
                "title"
            ]
            assert len(set(drawn)) == len(drawn), panel["title"]


@pytest.mark.parametrize(
    ("split", "colour"), [("train", "blue"), ("validation", "green"), ("test", "purple")]
)
def test_a_split_has_its_colour_on_the_loss_and_a_shade_of_it_on_the_severities(split: str, colour: str):
    overview = json.loads((RENDERED / "run-overview.json").read_text())
    drawn = {
        panel["title"]: {
            properties["color"]["fixedColor"].rpartition("-")[2]
            for name, properties in _overrides(panel)
            if name.endswith(f"{split}$/")
        }
        for panel in panels(overview)
    }
    assert drawn["Loss"] == drawn["Severity of each signal"] == {colour}


def test_no_split_has_the_colour_of_a_threshold():
    assert not {colours.TRAIN, colours.VALIDATION, colours.TEST} & {"yellow", "orange", "red"}


def test_what_a_split_is_compared_with_has_the_colour_of_the_split():
    """A dashed line of the validation in the colour of the training would be taken for the training's."""
    overview = json.loads((RENDERED / "run-overview.json").read_text())
    for panel in panels(overview):
        styles = dict(_overrides(panel))
        if any(str(name).endswith("validation$/") for name in styles):
            for target in panel["targets"]:
                if re.fullmatch(r"model_(loss_best|score_best|expected){[^}]*}", target["expr"]):
                    assert "color" not in styles[target["refId"]], panel["title"]


def test_two_classes_of_equal_recall_are_both_seen():
    """Two lost classes are one line at 0: they need different colours, and the one behind a wider line."""
    classes = json.loads((RENDERED / "classes.json").read_text())
    (worst,) = (panel for panel in panels(classes) if panel["title"] == "Recall of the worst classes")
    styles = dict(_overrides(worst))
    drawn = [
        (styles[target["refId"]]["color"]["fixedColor"], styles[target["refId"]]["custom.lineWidth"])
        for target in worst["targets"]
        if target["legendFormat"] == "class {{class}}"
    ]
    colour, width = zip(*drawn, strict=True)
    assert len(set(colour)) == len(drawn) <= 5
    assert sorted(set(width), reverse=True) == list(width)


def test_a_raw_value_has_another_colour_than_the_smoothed_one():
    overview = json.loads((RENDERED / "run-overview.json").read_text())
    (loss,) = (panel for panel in panels(overview) if panel["title"] == "Loss")
    (raw,) = (target["refId"] for target in loss["targets"] if target["legendFormat"].startswith("last step"))
    assert dict(_overrides(loss))[raw]["color"]["fixedColor"] == "#8e8e8e"


def test_a_label_that_only_a_link_needs_is_hidden_and_empty_where_a_run_lacks_it(dashboard: Json):
    """A dash would be handed over as the name of a cluster."""
    for panel in panels(dashboard):
        for name, properties in _overrides(panel):
            if name in IDENTITY:
                assert (properties["custom.hidden"], properties["noValue"]) == (True, ""), panel["title"]


def test_strips_of_states_say_so_where_there_are_none(dashboard: Json):
    """Grafana says that the data misses a time field otherwise."""
    for panel in panels(dashboard):
        if panel["type"] == "state-timeline":
            words = [one["options"] for one in _defaults(panel)["mappings"] if one["type"] == "value"]
            assert any("-1" in one for one in words), panel["title"]
            assert 'or on () (label_replace(vector(-1), "' in panel["targets"][0]["expr"], panel["title"]


def test_a_loss_is_not_drawn_against_a_reference_run_that_there_is_not():
    overview = json.loads((RENDERED / "run-overview.json").read_text())
    (against,) = (one for one in panels(overview) if one["title"] == "Loss against the reference run")
    for target in against["targets"]:
        assert "model_expected{" in target["expr"], target["legendFormat"]
