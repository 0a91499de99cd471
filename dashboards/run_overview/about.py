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


def section() -> Section:
    """The section."""
    return Section("What runs here", _panels(), collapsed=True)


def _panels() -> list[Panel]:
    labels = (
        "framework",
        "framework_version",
        "traingauge_version",
        "python_version",
        "host",
        "pid",
        "task",
        "exception",
    )
    return [
        rows(
            "Runs",
            Column("Model", label="model"),
            Column("Run", label="run"),
            *(Column(name.replace("_", " ").capitalize(), label=name) for name in labels),
            Column(
                "Started",
                expr=f"max by (model, run, {', '.join(labels)}) ({series('model_run_info')} "
                f"* on (model, run) group_left () {series('model_run_start_timestamp_seconds')}) * 1000",
                unit=units.SINCE,
            ),
            description="What each run is made of and where it runs, as long as it answers.",
            sort_by="Run",
            height=6,
        ),
        rows(
            "Milestones",
            Column("Model", label="model"),
            Column("Run", label="run"),
            *(
                Column(
                    title,
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
                expr=f"{in_time_range('model_run_end_timestamp_seconds')} * 1000",
                unit=units.SINCE,
            ),
            description="What each run has come through, also after its end. Checkpoints are those that the "
            "script told of.",
            sort_by="Run",
            height=5,
        ),
        number(
            "Parameters of the model",
            Query(series("model_parameters"), "trainable: {{trainable}}, {{run}}"),
            description="Parameters of the model, by whether they are trained.",
            unit=units.COUNT,
            width=12,
            empty="the model was not described (`monitor.describe`, or Keras).",
        ),
        number(
            "Changes of the architecture",
            Query(series("model_architecture_changes_total"), "{{run}}"),
            description="Times that the model became one of another architecture. A run that was resumed "
            "with another model is not the same run any more.",
            unit=units.COUNT,
            decimals=0,
            colouring=NONE_ALLOWED,
            width=12,
            empty="the model was not described (`monitor.describe`, or Keras).",
        ),
    ]
