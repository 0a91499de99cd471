"""About: versions, host, milestones, and the architecture."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import in_time_range, series
from dashboards.vocabulary.panels import number
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.tables import Column, rows
from dashboards.vocabulary.thresholds import NONE_ALLOWED
from traingauge.catalog import CATALOG


def section() -> Section:
    """The section."""
    return Section("About the run", _panels(), collapsed=True)


def _panels() -> list[Panel]:
    labels = CATALOG["model_run_info"].labels
    return [
        rows(
            "Runs",
            Column("Model", 120, label="model"),
            Column("Run", 120, label="run"),
            *(Column(name.replace("_", " ").capitalize(), 130, label=name) for name in labels),
            Column(
                "Started",
                130,
                expr=f"max by (model, run, {', '.join(labels)}) ({series('model_run_info')} "
                f"* on (model, run) group_left () {series('model_run_start_timestamp_seconds')}) * 1000",
                unit=units.SINCE,
            ),
            description="Software, host and task of each run while its endpoint answers.",
            sort_by="Run",
            height=6,
        ),
        rows(
            "Milestones",
            Column("Model", 120, label="model"),
            Column("Run", 120, label="run"),
            *(
                Column(
                    title,
                    130,
                    expr=in_time_range(name, **labels),
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
                130,
                expr=f"{in_time_range('model_run_end_timestamp_seconds')} * 1000",
                unit=units.SINCE,
            ),
            description="Epochs, checkpoints and restarts of each run, including those that are over. "
            "Checkpoints count only if the script reports them.",
            sort_by="Run",
            height=5,
        ),
        number(
            "Model parameters",
            Query(series("model_parameters"), "trainable: {{trainable}}"),
            description="Number of parameters, trainable and frozen.",
            unit=units.COUNT,
            width=12,
            empty="the script does not describe the model (`monitor.describe`; Keras does it automatically).",
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
            empty="the script does not describe the model (`monitor.describe`; Keras does it automatically).",
        ),
    ]
