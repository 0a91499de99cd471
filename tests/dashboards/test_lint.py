"""The rules of Grafana's dashboard linter, and a few of traingauge's, on the files that Grafana gets."""

import itertools
import re
from collections import Counter

import promql_parser as promql

from dashboards.every import DASHBOARDS
from dashboards.promql import parse, selectors
from dashboards.reading import Json, expressions, panels
from dashboards.vocabulary import panels as kinds
from dashboards.vocabulary import units
from dashboards.vocabulary.identity import IDENTITY
from dashboards.vocabulary.metrics import KNOWN
from traingauge.catalog import RUN_LABELS, SPLITS

#: Kinds of panels that Grafana 9.4 has, and the one it lacks, which has a table in addition to it for that reason.
KINDS_OF_9_4 = {"timeseries", "stat", "bargauge", "barchart", "table", "state-timeline", "heatmap", "text"}
NEWER_KINDS = {"trend"}

#: Properties that a query or a column may set on its field; a misspelt one would be ignored in silence.
FIELD_PROPERTIES = {
    "color",
    "custom.displayMode",
    "custom.fillOpacity",
    "custom.hidden",
    "custom.hideFrom",
    "custom.lineStyle",
    "custom.lineWidth",
    "custom.minWidth",
    "custom.scaleDistribution",
    "custom.width",
    "decimals",
    "displayName",
    "links",
    "mappings",
    "max",
    "min",
    "noValue",
    "thresholds",
    "unit",
}

#: What an override may match by its name: every column, or the lines of a split.
REGEXPS = {"/.*/", *(f"/{split}$/" for split in SPLITS)}

#: Panels that show how often something happened in all.
TOTALS = {
    *(
        "Non-finite",
        "Progress",
        "Time left",
        "Steps",
        "Milestones",
        "Architecture changes",
    ),
    *("Series and rows left out", "Runs", "Chosen runs"),
}

#: Functions whose range has to follow the resolution of the panel.
RATES = re.compile(r"\b(?:rate|increase|changes|resets)\(")


def test_the_uid_is_stable_and_ours(dashboard: Json):
    assert re.fullmatch(r"traingauge-[a-z-]{1,29}", dashboard["uid"])


def test_uids_and_titles_are_unique():
    built = [build() for build in DASHBOARDS.values()]
    assert len({one.uid for one in built}) == len({one.title for one in built}) == len(built)


def test_the_dashboard_says_what_it_is_for(dashboard: Json):
    assert dashboard["title"]
    assert dashboard["description"].endswith((".", "?"))
    assert "traingauge" in dashboard["tags"]


def test_the_schema_is_that_of_the_oldest_grafana_and_carries_no_id_of_an_instance(dashboard: Json):
    assert dashboard["schemaVersion"] == 37
    assert "id" not in dashboard
    assert not dashboard["editable"]


def test_the_last_variable_chooses_the_data_source(dashboard: Json):
    last = dashboard["templating"]["list"][-1]
    assert (last["type"], last["name"], last["query"]) == ("datasource", "datasource", "prometheus")
    assert last["current"]["value"] == "traingauge-prometheus"


def test_everything_asks_the_chosen_data_source(dashboard: Json):
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    asking = [*panels(dashboard), *dashboard["annotations"]["list"]]
    asking += [target for panel in panels(dashboard) for target in panel.get("targets", [])]
    asking += [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    assert all(one["datasource"] == chosen for one in asking if one.get("type") != "text")


def test_every_series_of_a_run_is_narrowed_to_the_chosen_model_and_run_where_it_is(dashboard: Json):
    """One run is matched as it is: its name may hold what a regular expression gives a meaning to."""
    equals = promql.MatchOp.Equal if "traingauge-one-run" in dashboard["tags"] else promql.MatchOp.Re
    for expression in expressions(dashboard):
        if expression.kind == "variable":
            continue
        for selector in selectors(parse(expression)):
            if KNOWN[selector.name].of_a_run:
                matchers = {
                    matcher.name: (matcher.op, matcher.value) for matcher in selector.matchers.matchers
                }
                for label in (*IDENTITY, *RUN_LABELS):
                    assert matchers.get(label) == (equals, ".+"), f"{expression.where}: {selector}"


def test_runs_of_one_name_on_two_clusters_are_neither_added_up_nor_joined(dashboard: Json):
    for expression in expressions(dashboard):
        for labels in re.findall(r"\b(?:by|on) \(([^()]*)\)", expression.text):
            named = set(labels.split(", "))
            if {"model", "run"} <= named:
                assert set(IDENTITY) <= named, f"{expression.where}: {labels}"
            elif "traingauge-many-runs" in dashboard["tags"] and expression.kind == "panel":
                # Only to count the places in which a name is used.
                assert "run" not in named or f"on ({labels}) count by ({labels})" in expression.text


def test_no_query_of_runs_names_a_job(dashboard: Json):
    """An operator or a scrape configuration of your own names it as it likes."""
    for expression in expressions(dashboard):
        assert "job=" not in expression.text, expression.where


def test_variables_only_narrow_by_those_before_them(dashboard: Json):
    known: set[str] = set()
    queries = {
        expression.where: expression for expression in expressions(dashboard) if expression.kind == "variable"
    }
    for variable in dashboard["templating"]["list"]:
        if variable["name"] in queries:
            assert queries[variable["name"]].variables <= known, variable["name"]
        known.add(variable["name"])


def test_every_variable_that_is_used_exists_and_every_variable_is_used(dashboard: Json):
    defined = {variable["name"] for variable in dashboard["templating"]["list"]} - {"datasource"}
    used = {name for expression in expressions(dashboard) for name in expression.variables}
    assert used == defined


def test_variables_are_asked_again_when_the_time_range_changes(dashboard: Json):
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["refresh"] == 2, variable["name"]


def test_every_variable_has_a_label_and_says_what_it_chooses(dashboard: Json):
    for variable in dashboard["templating"]["list"]:
        assert variable["label"], variable["name"]
        assert variable["description"], variable["name"]


def test_rates_take_the_interval_that_grafana_fits_to_the_panel(dashboard: Json):
    for expression in expressions(dashboard):
        if RATES.search(expression.text):
            assert re.search(r"\[\$__(?:rate_interval|range)\]", expression.text), expression.where


def test_no_range_is_written_out(dashboard: Json):
    for expression in expressions(dashboard):
        assert not re.search(r"\[\d", expression.text), f"{expression.where}: {expression.text}"


def test_only_counters_are_rated(dashboard: Json):
    for expression in expressions(dashboard):
        for name in re.findall(r"\b(?:rate|increase)\((\w+)", expression.text):
            assert name.endswith(("_total", "_bucket", "_sum", "_count")), f"{expression.where}: {name}"


def test_a_counter_is_rated_unless_its_total_is_what_the_panel_says(dashboard: Json):
    for expression in expressions(dashboard):
        if expression.kind != "panel" or expression.where in TOTALS:
            continue
        for selector in selectors(parse(expression)):
            if selector.name.endswith(("_total", "_bucket", "_sum", "_count")):
                assert re.search(rf"\b(?:rate|increase|changes)\({selector.name}{{", expression.text), (
                    expression
                )


def test_every_unit_is_one_of_grafanas(dashboard: Json):
    known = {value for name, value in vars(units).items() if name.isupper()}
    for panel in panels(dashboard):
        used = {panel["fieldConfig"]["defaults"].get("unit", units.TEXT)}
        for override in panel["fieldConfig"]["overrides"]:
            used |= {one["value"] for one in override["properties"] if one["id"] == "unit"}
        assert used <= known, panel["title"]


def test_every_panel_has_title_description_and_unit(dashboard: Json):
    for panel in panels(dashboard):
        assert panel["title"], panel["id"]
        assert panel["description"].partition("\n\n")[0].endswith("."), panel["title"]
        if panel["type"] != "text":
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_a_panel_that_may_be_empty_says_why(dashboard: Json):
    for panel in panels(dashboard):
        _, found, reason = panel["description"].partition(kinds.MAY_BE_EMPTY)
        assert not found or reason.endswith("."), panel["title"]


def test_a_panel_of_one_value_reduces_to_the_last_one(dashboard: Json):
    for panel in panels(dashboard):
        if panel["type"] in {"stat", "bargauge"}:
            assert panel["options"]["reduceOptions"]["calcs"] == ["lastNotNull"], panel["title"]


def test_every_query_of_a_panel_has_a_name_of_its_own(dashboard: Json):
    for panel in panels(dashboard):
        names = [target["refId"] for target in panel.get("targets", [])]
        assert len(set(names)) == len(names), panel["title"]
        assert names or panel["type"] == "text", panel["title"]


def test_every_line_has_a_legend(dashboard: Json):
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            assert target["format"] == "table" or target["legendFormat"], panel["title"]


def test_ids_and_titles_of_panels_are_unique(dashboard: Json):
    every = [*panels(dashboard), *(panel for panel in dashboard["panels"] if panel["type"] == "row")]
    for key in ("id", "title"):
        assert Counter(panel[key] for panel in every).most_common(1)[0][1] == 1, key


def test_panels_lie_on_the_grid_and_do_not_overlap(dashboard: Json):
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        position = panel["gridPos"]
        assert position["x"] + position["w"] <= 24, panel["title"]
        columns = range(position["x"], position["x"] + position["w"])
        lines = range(position["y"], position["y"] + position["h"])
        cells = set(itertools.product(columns, lines))
        assert not cells & taken, panel["title"]
        taken |= cells


def test_no_panel_needs_a_grafana_newer_than_9_4_unless_a_table_shows_the_same(dashboard: Json):
    used = {panel["type"] for panel in panels(dashboard)}
    assert used <= KINDS_OF_9_4 | NEWER_KINDS
    if used & NEWER_KINDS:
        assert "table" in used


def test_cells_are_coloured_in_the_words_of_9_4_which_later_ones_migrate(dashboard: Json):
    """They do so for overrides only where the field's defaults have a `custom` part."""
    assert "cellOptions" not in str(dashboard)
    for panel in panels(dashboard):
        if panel["type"] == "table":
            assert "custom" in panel["fieldConfig"]["defaults"], panel["title"]


def test_every_field_property_is_known(dashboard: Json):
    for panel in panels(dashboard):
        for override in panel["fieldConfig"]["overrides"]:
            assert {one["id"] for one in override["properties"]} <= FIELD_PROPERTIES, panel["title"]


def test_every_override_matches_a_query_or_a_column(dashboard: Json):
    for panel in panels(dashboard):
        queries = {target["refId"] for target in panel["targets"]}
        organized = [one["options"] for one in panel.get("transformations", []) if one["id"] == "organize"]
        columns = {name for options in organized for name in options["renameByName"].values()}
        for one in panel.get("transformations", []):
            if one["id"] == "groupingToMatrix":
                label = one["options"]["columnField"]
                columns.add(f"{one['options']['rowField']}\\{label}")
                columns |= set(re.findall(rf'"{label}", "([^"$]+)", "", ""', panel["targets"][0]["expr"]))
        for override in panel["fieldConfig"]["overrides"]:
            matcher = override["matcher"]
            wanted = {"byFrameRefID": queries, "byName": columns, "byRegexp": REGEXPS}[matcher["id"]]
            # A shade of a split's colour, for some of its signals.
            options = re.sub(r"^/\^\([\w |]+\), ", "/", matcher["options"])
            assert options in {*wanted, *IDENTITY}, panel["title"]


def test_a_link_to_a_dashboard_leads_to_one_that_exists(dashboard: Json):
    uids = {build().uid for build in DASHBOARDS.values()}
    assert set(re.findall(r'"/d/([a-z-]+)', str(dashboard).replace("'", '"'))) <= uids
