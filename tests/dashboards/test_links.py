"""Links hand over only what the dashboard that they open has a choice for."""

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from alerting.links import Links
from dashboards.every import DASHBOARDS
from dashboards.reading import Json
from dashboards.render import RENDERED
from dashboards.vocabulary.identity import IDENTITY
from traingauge.catalog import RUN_LABELS

#: Every dashboard as Grafana gets it, by its UID.
BY_UID: dict[str, Json] = {
    one["uid"]: one for one in (json.loads((RENDERED / f"{name}.json").read_text()) for name in DASHBOARDS)
}


def _variables(dashboard: Json) -> dict[str, Json]:
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def _targets(link: Json, dashboard: Json) -> list[Json]:
    """The dashboards that a link on top of a dashboard opens."""
    if link["type"] == "link":
        return [BY_UID[urlsplit(link["url"]).path.removeprefix("/d/")]]
    others = [other for other in BY_UID.values() if other["uid"] != dashboard["uid"]]
    return [other for other in others if set(link["tags"]) <= set(other["tags"])]


def _urls(part: object) -> Iterator[str]:
    """Every link to a dashboard anywhere in a dashboard."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "url" and str(value).startswith("/d/"):
                yield value
            yield from _urls(value)
    elif isinstance(part, list):
        for value in part:
            yield from _urls(value)


def test_every_dashboard_is_at_most_two_links_away(dashboard: Json):
    reached = {dashboard["uid"]}
    for _ in range(2):
        reached |= {
            target["uid"]
            for uid in set(reached)
            for link in BY_UID[uid]["links"]
            for target in _targets(link, BY_UID[uid])
        }
    assert reached == set(BY_UID)


def test_links_on_top_keep_the_time_range_and_the_data_source(dashboard: Json):
    for link in dashboard["links"]:
        assert link["keepTime"], link["title"]
        assert link["includeVars"] or "var-datasource=${datasource}" in link["url"], link["title"]


def test_links_on_top_take_no_row_of_their_own(dashboard: Json):
    """A link to each of the other dashboards takes the room of a row of tiles."""
    assert len(dashboard["links"]) <= 2
    assert all(link["asDropdown"] for link in dashboard["links"] if link["type"] == "dashboards")


def test_a_choice_that_a_link_hands_over_means_the_same_on_both_sides(dashboard: Json):
    """One that may be *All* here would select nothing there, where a single value is chosen."""
    here = _variables(dashboard)
    for link in dashboard["links"]:
        for target in _targets(link, dashboard) if link["includeVars"] else []:
            there = _variables(target)
            for name in set(here) & set(there):
                for kind in ("includeAll", "multi"):
                    assert here[name].get(kind) == there[name].get(kind), f"{target['title']}: {name}"


def test_a_link_to_a_dashboard_leads_to_one_that_exists_and_has_the_choices_it_fills_in(dashboard: Json):
    for url in _urls(dashboard):
        parts = urlsplit(url)
        target = BY_UID[parts.path.removeprefix("/d/")]
        filled = {name.removeprefix("var-") for name, _ in parse_qsl(parts.query) if name.startswith("var-")}
        assert filled <= set(_variables(target)), url


def test_a_link_of_a_value_names_the_run_that_it_belongs_to(dashboard: Json):
    in_panels = [panel for panel in dashboard["panels"] if panel]
    for url in _urls(in_panels):
        assert re.search(r"var-run=\$\{__(?:data\.fields\.Run|field\.labels\.run):percentencode\}", url), url
        for label in IDENTITY:
            assert re.search(
                rf"var-{label}=\$\{{__(?:data\.fields|field\.labels)\.{label}:percentencode\}}", url
            ), url


def test_dashboards_of_one_run_choose_one_model_and_one_run():
    """With several, tiles and strips become too small to read; Fleet and Compare runs are for that."""
    for dashboard in BY_UID.values():
        one_run = "traingauge-one-run" in dashboard["tags"]
        for name in ("model", "run"):
            variable = _variables(dashboard)[name]
            chosen = {"multi": variable["multi"], "includeAll": variable.get("includeAll", False)}
            assert chosen == dict.fromkeys(chosen, not one_run), dashboard["title"]


def test_the_link_of_an_alert_chooses_the_run_of_the_alert():
    for number in range(20, 100):
        parts = urlsplit(Links().dashboard(number))
        chosen = {name for name, _ in parse_qsl(parts.query)}
        target = BY_UID[parts.path.removeprefix("/d/")]
        assert chosen == {f"var-{name}" for name in (*IDENTITY, *RUN_LABELS)}
        assert chosen <= {f"var-{name}" for name in _variables(target)}, number
