"""About: versions, host, milestones, and the architecture."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import in_time_range, series
from dashboards.vocabulary.panels import number
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.tables import Column, rows
from dashboards.vocabulary.thresholds import NONE_ALLOWED
from traingauge.catalog import CATALOG

#: Headings of labels whose own names do not fit a column.
_HEADINGS = {"framework_version": "Version", "traingauge_version": "traingauge", "python_version": "Python"}

_UNDESCRIBED = Reason(
    "the script does not describe the model (`monitor.describe`; Keras does it automatically).",
    "not described",
)


def section() -> Section:
    """The section."""
    return Section("About the run", _panels(), collapsed=True)


def _panels() -> list[Panel]:
    labels = CATALOG["model_run_info"].labels
    return [
        rows(
            "Software and host",
            Column("Run", 106, label="run"),
            *(
                Column(_HEADINGS.get(name, name.replace("_", " ").capitalize()), 98, label=name)
                for name in labels
            ),
            Column(
                "Started",
                136,
                expr=f"max by (run, {', '.join(labels)}) ({series('model_run_info')} "
                f"* on (model, run) group_left () {series('model_run_start_timestamp_seconds')}) * 1000",
                unit=units.SINCE,
            ),
            description="Software, host and task of the run while its endpoint answers.",
            sort_by="Run",
            empty=Reason("the endpoint of the run does not answer.", "no answer"),
            height=4,
        ),
        rows(
            "Milestones",
            Column("Run", 120, label="run"),
            *(
                Column(
                    title,
                    130,
                    expr=_of_the_run(name, **labels),
                    unit=units.COUNT,
                    decimals=0,
                )
                for title, name, labels in (
                    ("Epochs", "model_epochs_total", {"split": "train"}),
                    ("Validation passes", "model_epochs_total", {"split": "validation"}),
                    ("Checkpoints", "model_checkpoints_total", {}),
                    ("Restarts", "model_restarts_total", {}),
                )
            ),
            Column(
                "Ended",
                136,
                expr=f"{_of_the_run('model_run_end_timestamp_seconds')} * 1000",
                unit=units.SINCE,
            ),
            description="Epochs, checkpoints and restarts of the run, also when it is over. "
            "Checkpoints count only if the script reports them.",
            sort_by="Run",
            height=4,
        ),
        number(
            "Model parameters",
            Query(series("model_parameters"), "trainable: {{trainable}}"),
            description="Number of parameters, trainable and frozen.",
            unit=units.COUNT,
            width=12,
            empty=_UNDESCRIBED,
        ),
        number(
            "Architecture changes",
            Query(series("model_architecture_changes_total"), "changes"),
            description="Architecture changes within the run. Normally 0: a run resumed with another "
            "model should have another name.",
            unit=units.COUNT,
            decimals=0,
            colouring=NONE_ALLOWED,
            width=12,
            empty=_UNDESCRIBED,
        ),
    ]


def _of_the_run(name: str, **labels: str) -> str:
    return f"max by (run) ({in_time_range(name, **labels)})"
