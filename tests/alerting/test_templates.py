"""What a notification says, rendered by Alertmanager's own engine."""

import json

import pytest

from alerting import rulebook

FIRING = {
    "status": "firing",
    "labels": {
        "alertname": "ModelLossNonFinite",
        "severity": "critical",
        "model": "digits-cnn",
        "run": "r<1>",
        "split": "train",
    },
    "annotations": {
        "summary": "digits-cnn / r<1>: The loss is NaN or infinite.",
        "description": "The train loss of run r<1> of digits-cnn was NaN.",
        "runbook_url": "https://example.org/ModelLossNonFinite.md",
        "dashboard_url": "/d/traingauge-run-overview?var-model=digits-cnn&var-run=r%3C1%3E",
    },
    "startsAt": "2026-03-01T12:00:05Z",
    "endsAt": "0001-01-01T00:00:00Z",
}
RESOLVED = {
    "status": "resolved",
    "labels": FIRING["labels"] | {"alertname": "ModelStuck"},
    "annotations": {"summary": "A training run takes no steps.", "description": "It took none."},
    "startsAt": "2026-03-01T11:00:00Z",
    "endsAt": "2026-03-01T11:30:00Z",
}
WARNING = FIRING | {
    "labels": FIRING["labels"] | {"alertname": "ModelFeatureDrift", "severity": "warning"},
    "annotations": FIRING["annotations"] | {"summary": "A feature drifted.", "description": "It drifted."},
}
#: As a script sends it: no severity, no links.
BARE = {
    "status": "firing",
    "labels": {"alertname": "LabelAuditFailed"},
    "annotations": {"summary": "3 % of labels disagree."},
    "startsAt": "2026-03-01T12:00:05Z",
    "endsAt": "0001-01-01T00:00:00Z",
}


@pytest.fixture
def render(tool, tmp_path):
    def of(template, *alerts, kind="text"):
        labels = [set(alert["labels"].items()) for alert in alerts]
        data = {
            "status": "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved",
            "alerts": alerts,
            "commonLabels": dict(set.intersection(*labels)),
        }
        (tmp_path / "data.json").write_text(json.dumps(data))
        return tool(
            *("amtool", "template", "render"),
            f"--template.glob={rulebook.ALERTMANAGER / 'templates/*.tmpl'}",
            f'--template.text={{{{ template "training.{template}" . }}}}',
            f"--template.data={tmp_path / 'data.json'}",
            f"--template.type={kind}",
        )

    return of


def test_a_subject_says_how_bad_which_run_and_what(render):
    assert render("subject", FIRING) == "[critical] digits-cnn / r<1>: The loss is NaN or infinite."


def test_a_subject_counts_further_alerts_that_fire(render):
    other = FIRING | {"labels": FIRING["labels"] | {"split": "test"}}
    assert render("subject", FIRING, other, RESOLVED).endswith("The loss is NaN or infinite. (and 1 more)")


def test_a_subject_says_that_it_is_over(render):
    assert render("subject", RESOLVED) == "[resolved] digits-cnn / r<1>: A training run takes no steps."


def test_a_text_says_what_since_when_and_where_to_look(render):
    assert render("text", FIRING) == (
        "CRITICAL ModelLossNonFinite, since 12:00:05 UTC, 1 March\n"
        "The train loss of run r<1> of digits-cnn was NaN.\n"
        "Runbook: https://example.org/ModelLossNonFinite.md\n"
        "Dashboard: http://localhost:3000/d/traingauge-run-overview?var-model=digits-cnn&var-run=r%3C1%3E"
        "&from=1772362805000&to=now\n\n"
    )


def test_a_dashboard_with_an_address_of_its_own_is_linked_as_it_is(render):
    url = "https://grafana.example.org/d/traingauge-run-overview?var-model=digits-cnn"
    alert = FIRING | {"annotations": FIRING["annotations"] | {"dashboard_url": url}}
    assert f"Dashboard: {url}&from=" in render("text", alert)


def test_a_text_says_from_when_to_when_it_was(render):
    assert render("text", RESOLVED) == (
        "RESOLVED ModelStuck, from 11:00:00 to 11:30:00 UTC, 1 March\nA training run takes no steps.\n\n"
    )


def test_slack_links_runbook_and_dashboard(render):
    text = render("slack.text", FIRING, RESOLVED)
    assert "*ModelLossNonFinite* since 12:00:05 UTC\n" in text
    assert "<https://example.org/ModelLossNonFinite.md|Runbook>" in text
    assert "var-run=r%3C1%3E&from=1772362805000&to=now|Dashboard>" in text
    assert "*ModelStuck* resolved at 11:30:00 UTC" in text


@pytest.mark.parametrize(
    ("alerts", "colour", "severity"),
    [
        ([FIRING], "danger", "critical"),
        ([RESOLVED], "good", "resolved"),
        ([BARE], "danger", "firing"),
        ([WARNING], "warning", "warning"),
        ([WARNING, FIRING], "danger", "critical"),
        ([FIRING, WARNING], "danger", "critical"),
        ([WARNING, RESOLVED], "warning", "warning"),
        ([WARNING, BARE], "danger", "firing"),
    ],
    ids=lambda value: (
        "+".join(alert["labels"]["alertname"] for alert in value) if isinstance(value, list) else value
    ),
)
def test_the_worst_alert_that_fires_gives_a_notification_its_colour_and_severity(
    render, alerts, colour, severity
):
    assert render("slack.colour", *alerts) == colour
    assert render("subject", *alerts).startswith(f"[{severity}] ")


@pytest.mark.parametrize(
    ("template", "kind"), [("text", "text"), ("slack.text", "text"), ("email.html", "html")]
)
def test_of_many_alerts_ten_are_shown_and_the_others_counted(render, template, kind):
    features = [WARNING | {"labels": WARNING["labels"] | {"feature": f"f{at}"}} for at in range(59)]
    said = render(template, *features, kind=kind)
    assert "and 49 more" in said
    assert said.count("It drifted.") == 10


def test_an_email_escapes_what_comes_from_labels(render):
    page = render("email.html", FIRING, RESOLVED, kind="html")
    assert "<h2>digits-cnn / r&lt;1&gt;</h2>" in page
    assert '<a href="https://example.org/ModelLossNonFinite.md">Runbook</a>' in page
    assert "Resolved: A training run takes no steps." in page


@pytest.mark.parametrize("template", ["subject", "text", "slack.text", "email.html"])
def test_an_alert_without_links_or_severity_reads_well_too(render, template):
    said = render(template, BARE)
    assert "3 % of labels disagree." in said
    assert not said.startswith(" ")
    assert "no value" not in said
    assert "Runbook" not in said
