"""Monitoring health: are the other dashboards right, and do notifications arrive?"""

from __future__ import annotations

from dashboards.vocabulary import colours, units, variables
from dashboards.vocabulary.absent import or_absent
from dashboards.vocabulary.layout import Section, compose
from dashboards.vocabulary.metrics import occurrences, per_run, per_second, series
from dashboards.vocabulary.names import CALLED, NAME, named, named_in_full
from dashboards.vocabulary.panels import ABSENT, events, lines, number, states
from dashboards.vocabulary.queries import EXPECTED_LINE, Query
from dashboards.vocabulary.ranking import highest
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel, model
from dashboards.vocabulary.states import RUNNING
from dashboards.vocabulary.thresholds import NONE_ALLOWED

UID = "traingauge-monitoring-health"

#: Runs that a panel draws at most.
_RUNS = 10

_OF_MORE = f"Of more than {_RUNS} runs, the largest values."

_NO_ALERTMANAGER = Reason(
    "Prometheus does not scrape Alertmanager, or it has sent nothing yet.", "nothing from Alertmanager"
)
_NOT_SCRAPED = Reason("no run was scraped in the time range.", "no run")
_NOT_SENT = Reason("no run under way sends itself.", "no run sends itself")


def dashboard() -> model.Dashboard:
    """The dashboard."""
    return compose(
        uid=UID,
        one_run=False,
        title="Monitoring health",
        description="Whether monitoring itself works: scrapes, rules, notifications, and its cost to the runs.",
        variables=variables.many_runs(),
        sections=[
            Section("Is every run scraped?", _scrapes()),
            Section("Does traingauge keep up inside the runs?", _inside_runs()),
            Section("Are rules evaluated?", _rules()),
            Section("Do notifications arrive?", _notifications()),
        ],
        since="now-3h",
        refresh="30s",
    )


def _scrapes() -> list[Panel]:
    up = per_run("up", ended="")
    answered = f"max by (model, run) (avg_over_time({series('up', ended='')}[$__range] @ end()))"
    return [
        number(
            "Not answering",
            Query(f"count({up} == 0) or count({up}) * 0", "runs", instant=True),
            description="Runs whose last scrape failed. A run that reported its end removes its target, "
            "or marks it with the label ended, and does not count.",
            unit=units.COUNT,
            decimals=0,
            colouring=NONE_ALLOWED,
            filled=True,
            height=6,
            empty=Reason("no run is scraped now.", "no run"),
        ),
        states(
            "Scrapes of each run",
            Query(
                or_absent(
                    named(up, known_by="up", among=f"bottomk({_RUNS}, {answered})"),
                    series("up", ended=""),
                    CALLED,
                    _NOT_SCRAPED.short,
                    ABSENT,
                ),
                NAME,
            ),
            description=f"When each run answered; of more than {_RUNS} those that answered least.",
            unit=units.NUMBER,
            mappings=[
                model.ValueMap(
                    {
                        "1": model.ValueMappingResult(text="up", color=colours.GOOD, index=0),
                        "0": model.ValueMappingResult(text="down", color=colours.CRITICAL, index=1),
                    }
                )
            ],
            width=20,
            height=6,
            empty=_NOT_SCRAPED,
        ),
        lines(
            "Scrape duration",
            _largest("scrape_duration_seconds"),
            description="Time that Prometheus waits for each run. Near the scrape timeout, data is "
            f"about to be lost. {_OF_MORE}",
            empty=_NOT_SCRAPED,
            unit=units.SECONDS,
            minimum=0,
        ),
        lines(
            "Samples per scrape",
            _largest("scrape_samples_scraped"),
            description="Series that each run publishes. The number grows with classes and features "
            f"and then stays. {_OF_MORE}",
            empty=_NOT_SCRAPED,
            unit=units.COUNT,
            decimals=0,
            minimum=0,
        ),
    ]


def _largest(name: str, **labels: str) -> Query:
    """A line a run, of the runs with the largest values in the time range."""
    selector = series(name, **labels)
    largest = highest(selector, "model, run", _RUNS)
    return Query(named(per_run(name, **labels), known_by="up", among=largest), NAME)


def _inside_runs() -> list[Panel]:
    return [
        events(
            "Errors inside traingauge",
            Query(
                named_in_full(occurrences("model_monitor_errors_total", "model, run, reason")),
                f"{{{{reason}}}}, {NAME}",
            ),
            description="Failures of traingauge itself; training continued. The run's log has the "
            "first of each kind with its traceback.",
            width=6,
            empty=Reason("nothing failed, as it should be.", "none"),
        ),
        lines(
            "Monitoring overhead",
            Query(
                f"max by (reason) (rate({series('model_monitor_overhead_seconds_total')}[$__rate_interval]))",
                "{{reason}}",
            ),
            description="Seconds per second that traingauge takes, by activity, in the run where it takes most. "
            "Scrapes run in their own thread, the rest in the training thread.",
            unit=units.SHARE,
            minimum=0,
            width=6,
            empty=_NOT_SCRAPED,
        ),
        lines(
            "Time since the state was saved",
            Query(
                named(
                    f"topk({_RUNS}, clamp_min(time() - "
                    f"({per_run('model_state_saved_timestamp_seconds')} and {RUNNING}), 0)) / 60",
                    known_by="model_state_saved_timestamp_seconds",
                ),
                NAME,
            ),
            description="What a crash would lose of the state of each run under way. If it keeps growing, the disk is "
            f"full or the directory is gone. {_OF_MORE}",
            unit=units.MINUTES,
            minimum=0,
            width=6,
            empty=Reason("no run under way has a state directory.", "no state directory"),
        ),
        lines(
            "Series and rows left out",
            Query(
                named_in_full(
                    f"sum by (model, run, reason) ({series('model_monitor_dropped_series_total')} > 0)"
                ),
                f"{{{{reason}}}}, {NAME}",
            ),
            Query(
                named_in_full(
                    f"sum by (model, run, reason) ({series('model_monitor_dropped_rows_total')} > 0)"
                ),
                f"rows, {{{{reason}}}}, {NAME}",
            ),
            empty=Reason("every class and feature has its series, and the history has every row.", "none"),
            description="Classes or features without a series of their own because there are too "
            "many: they count in *other* or are not shown. And rows of the history that the disk was too slow for "
            "(disk), or that were deleted to stay within its size limit (limit).",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=6,
        ),
        lines(
            "Age of what waits to be sent",
            Query(
                named(
                    f"topk({_RUNS}, {per_run('model_delivery_lag_seconds')} and {RUNNING})",
                    known_by="model_delivery_lag_seconds",
                ),
                NAME,
            ),
            description="Of runs that send themselves by remote write: age of the oldest row or reading that the receiver "
            f"has not taken. It grows in an outage, and falls when the rest is sent. {_OF_MORE}",
            unit=units.SECONDS,
            minimum=0,
            width=8,
            empty=_NOT_SENT,
        ),
        lines(
            "Rows and readings that wait to be sent",
            Query(
                named(
                    f"topk({_RUNS}, {per_run('model_delivery_pending')} and {RUNNING})",
                    known_by="model_delivery_pending",
                ),
                NAME,
            ),
            description=f"What the receiver has not taken yet. {_OF_MORE}",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=8,
            empty=_NOT_SENT,
        ),
        events(
            "Failed requests, samples moved and given up",
            Query(
                named_in_full(occurrences("model_delivery_failures_total", "model, run, reason")),
                f"failed, {{{{reason}}}}, {NAME}",
            ),
            Query(
                named_in_full(occurrences("model_delivery_dropped_total", "model, run, reason")),
                f"given up, {{{{reason}}}}, {NAME}",
            ),
            Query(named_in_full(occurrences("model_delivery_moved_total", "model, run")), f"moved, {NAME}"),
            description="Requests of remote write that failed, most of which are repeated; samples that were given up, by "
            "reason; and samples that were sent with a later time, as a series has one value a millisecond.",
            width=8,
            empty=Reason("nothing failed and nothing was given up, as it should be.", "none"),
        ),
    ]


def _rules() -> list[Panel]:
    failed = f"increase({series('prometheus_rule_evaluation_failures_total')}[$__rate_interval])"
    missed = f"increase({series('prometheus_rule_group_iterations_missed_total')}[$__rate_interval])"
    last = series("prometheus_rule_group_last_duration_seconds")
    slowest = highest(last, "rule_group", 5)
    return [
        events(
            "Failed and missed evaluations",
            Query(_by_group(f"sum by (rule_group) ({failed}) > 0"), "failed, {{rule_group}}"),
            Query(_by_group(f"sum by (rule_group) ({missed}) > 0"), "missed, {{rule_group}}"),
            description="Rule evaluations that failed or came too late. While a group fails, its "
            "alerts cannot fire.",
            width=8,
            empty=Reason("every evaluation succeeded in time, as it should be.", "none"),
        ),
        lines(
            "Slowest rule groups",
            Query(_by_group(f"max by (rule_group) ({last}) and on (rule_group) {slowest}"), "{{rule_group}}"),
            Query(
                f"min({series('prometheus_rule_group_interval_seconds')})",
                "evaluation interval",
                style=EXPECTED_LINE,
            ),
            description="Evaluation time of the five groups that were slowest in the time range. It has to stay well "
            "below the interval.",
            unit=units.SECONDS,
            minimum=0,
            width=8,
        ),
        lines(
            "Series in Prometheus",
            Query(f"max by (instance) ({series('prometheus_tsdb_head_series')})", "{{instance}}"),
            description="Active series in memory. A run that adds thousands has a label with "
            "unbounded values.",
            unit=units.COUNT,
            minimum=0,
            width=8,
        ),
    ]


def _by_group(expr: str) -> str:
    """The same with the names of rule groups in place of the paths that Prometheus has before them."""
    return f'label_replace({expr}, "rule_group", "$1", "rule_group", ".*;(.*)")'


def _notifications() -> list[Panel]:
    latency = per_second("alertmanager_notification_latency_seconds_bucket", "integration, le")
    return [
        events(
            "Notifications",
            Query(
                occurrences("alertmanager_notifications_total", "integration"),
                "sent, {{integration}}",
            ),
            Query(
                occurrences("alertmanager_notifications_failed_total", "integration"),
                "failed, {{integration}}",
            ),
            Query(
                f"sum(increase({series('prometheus_notifications_dropped_total')}[$__rate_interval])) > 0",
                "dropped by Prometheus",
            ),
            description="What Alertmanager sent and failed to send, and what Prometheus could not "
            "deliver to Alertmanager. After a failure, a notification is missing: check "
            "the receiver.",
            width=8,
            empty=Reason("nothing was sent and nothing failed in the time range.", "none"),
        ),
        lines(
            "Notification latency",
            Query(f"histogram_quantile(0.95, {latency}) >= 0", "95th percentile, {{integration}}"),
            description="Time that the receiver takes to accept a notification.",
            unit=units.SECONDS,
            minimum=0,
            width=8,
            empty=_NO_ALERTMANAGER,
        ),
        lines(
            "Alerts in Alertmanager",
            Query(f"sum by (state) ({series('alertmanager_alerts')})", "{{state}}"),
            description="Alerts that Alertmanager holds. Active ones are sent; suppressed ones are "
            "silenced or inhibited.",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=8,
            empty=_NO_ALERTMANAGER,
        ),
    ]
