"""Classes: which ones are lost, and what they are mistaken for."""

from __future__ import annotations

from dashboards.vocabulary import annotations, units, variables
from dashboards.vocabulary.layout import Section, compose
from dashboards.vocabulary.links import CLASSES
from dashboards.vocabulary.matrix import matrix
from dashboards.vocabulary.metrics import series
from dashboards.vocabulary.panels import bars, cells, lines
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.sdk import Panel, model
from dashboards.vocabulary.tables import Column, rows
from dashboards.vocabulary.thresholds import baseline_line, threshold_lines

_NO_CLASSES = "the run reports no class predictions, or has not evaluated this split yet."


def dashboard() -> model.Dashboard:
    """The dashboard."""
    return compose(
        uid=CLASSES,
        one_run=True,
        title="Classes",
        description="Scores per class: which classes are lost, and what they are mistaken for.",
        variables=[
            variables.datasource(),
            *variables.one_run(),
            variables.label(
                "split",
                "Split",
                "Split of the data",
                "model_class_recall",
                single="validation",
                variable="scored",
            ),
            variables.label("class", "Class", "Classes to draw", "model_class_recall"),
        ],
        annotations=annotations.of_a_run(),
        sections=[
            Section("Which classes are worst?", _worst()),
            Section("Since when?", _over_time()),
            Section("What are they mistaken for?", _confusion()),
            Section("Can the probabilities be trusted?", _probabilities()),
            Section("Over the whole time range", _whole_range()),
        ],
    )


def _per_class(name: str) -> str:
    return f"min by (class) ({series(name, split='$scored', class_='$class')})"


def _worst() -> list[Panel]:
    return [
        rows(
            "Classes by recall",
            Column("Class", 90, label="class"),
            Column("Recall", 80, expr=_per_class("model_class_recall"), unit=units.SHARE, decimals=1),
            Column("Precision", 90, expr=_per_class("model_class_precision"), unit=units.SHARE, decimals=1),
            Column("F1", 80, expr=_per_class("model_class_f1"), unit=units.SHARE, decimals=1),
            Column(
                "Specificity", 100, expr=_per_class("model_class_specificity"), unit=units.SHARE, decimals=1
            ),
            Column("Support", 80, expr=_per_class("model_class_support"), unit=units.COUNT, decimals=0),
            description="Every class, the worst first; of several runs the worst value. Low recall: "
            "the class is missed. Low precision: other classes are mistaken for it. "
            "Ignore both where support is small.",
            sort_by="Recall",
            width=14,
            height=10,
            empty=_NO_CLASSES,
        ),
        bars(
            "Support",
            Query(f"sort_desc({_per_class('model_class_support')})", "{{class}}", instant=True),
            description="Samples of each class in the window or pass. A class that disappears from "
            "the data shows here first.",
            unit=units.COUNT,
            decimals=0,
            width=10,
            height=10,
            empty=_NO_CLASSES,
        ),
    ]


def _over_time() -> list[Panel]:
    return [
        cells(
            "Recall of each class",
            Query(_per_class("model_class_recall"), "{{class}}"),
            description="One row per class, red where it is missed. One red row is a lost class; all "
            "rows red at once is the input or the whole model.",
            unit=units.SHARE,
            scheme="RdYlGn",
            minimum=0,
            maximum=1,
            empty=_NO_CLASSES,
        ),
        cells(
            "Precision of each class",
            Query(_per_class("model_class_precision"), "{{class}}"),
            description="One row per class, red where other classes are mistaken for it. A gap means "
            "that the class was never predicted.",
            unit=units.SHARE,
            scheme="RdYlGn",
            minimum=0,
            maximum=1,
            empty=_NO_CLASSES,
        ),
        lines(
            "Recall of the chosen classes",
            Query(series("model_class_recall", split="$scored", class_="$class"), "class {{class}}, {{run}}"),
            *threshold_lines("class_recall"),
            description="Dashed: the threshold below which the alert for a collapsed class fires.",
            unit=units.SHARE,
            decimals=1,
            minimum=0,
            maximum=1,
            empty=_NO_CLASSES,
        ),
        lines(
            "F1 of the chosen classes",
            Query(series("model_class_f1", split="$scored", class_="$class"), "class {{class}}, {{run}}"),
            description="Harmonic mean of precision and recall, per class.",
            unit=units.SHARE,
            decimals=1,
            minimum=0,
            maximum=1,
            empty=_NO_CLASSES,
        ),
    ]


def _confusion() -> list[Panel]:
    cell = f"sum by (actual, predicted) ({series('model_confusion', split='$scored')})"
    row = f"sum by (actual) ({series('model_confusion', split='$scored')})"
    too_many = "the run has too many classes for a matrix, or reports no class predictions."
    return [
        matrix(
            "Confusion, by share",
            f"{cell} / on (actual) group_left () {row}",
            rows="actual",
            columns="predicted",
            description="Share of each actual class (row) that is predicted as each class (column). "
            "The diagonal is recall; a dark cell off the diagonal names the class that it "
            "is mistaken for.",
            unit=units.SHARE,
            decimals=0,
            maximum=1,
            height=11,
            empty=too_many,
        ),
        matrix(
            "Confusion, in samples",
            cell,
            rows="actual",
            columns="predicted",
            description="The confusion matrix in samples: rows are actual classes, columns predicted "
            "ones. Several runs are added up.",
            unit=units.COUNT,
            decimals=0,
            height=11,
            empty=too_many,
        ),
    ]


def _probabilities() -> list[Panel]:
    no_probabilities = "the run reports predicted classes but no probabilities."

    def of(*names: str) -> list[Query]:
        return [
            Query(
                series(f"model_{name}", split="$scored"),
                f"{name.replace('_', ' ')}, {{{{split}}}}, {{{{run}}}}",
            )
            for name in names
        ]

    return [
        lines(
            "Calibration error",
            *of("calibration_error"),
            baseline_line("calibration_error"),
            description="Expected calibration error: the gap between confidence and accuracy. It "
            "grows when training continues after accuracy has stopped improving: the "
            "model becomes overconfident. Dashed: the baseline.",
            unit=units.SHARE,
            decimals=1,
            minimum=0,
            width=8,
            empty=no_probabilities,
        ),
        lines(
            "Log loss and Brier score",
            *of("log_loss", "brier_score"),
            baseline_line("log_loss", "brier_score"),
            description="Both punish confident errors, the log loss without bound. Dashed: baselines.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            width=8,
            empty=no_probabilities,
        ),
        lines(
            "Ranking",
            *of("roc_auc", "average_precision"),
            Query(series("model_top_k_accuracy", split="$scored"), "top {{k}}, {{split}}, {{run}}"),
            baseline_line("roc_auc", "average_precision"),
            description="Areas under the ROC curve and the precision-recall curve: how well "
            "probabilities rank the samples, whatever the decision threshold. The second "
            "is stricter where a class is rare. Exact unless `model_score_error_bound` is above 0. "
            "Also top-k accuracy. Dashed: baselines.",
            unit=units.NUMBER,
            decimals=3,
            maximum=1,
            width=8,
            empty=no_probabilities,
        ),
    ]


def _whole_range() -> list[Panel]:
    def grown(kind: str) -> str:
        counter = series(f"model_class_{kind}_total", split="$scored", class_="$class")
        return f"sum by (class) (increase({counter}[$__range]))"

    hits, missed, false = grown("true_positives"), grown("false_negatives"), grown("false_positives")
    return [
        bars(
            "Recall over the time range",
            Query(f"sort({hits} / ({hits} + {missed}))", "{{class}}", instant=True),
            description="Recall over all samples of the time range, computed from counters. It is "
            "exact for several runs together, unlike a mean of scores.",
            unit=units.SHARE,
            decimals=1,
            maximum=1,
            empty=_NO_CLASSES,
        ),
        bars(
            "Precision over the time range",
            Query(f"sort({hits} / ({hits} + {false}))", "{{class}}", instant=True),
            description="Precision over all samples of the time range, computed from counters.",
            unit=units.SHARE,
            decimals=1,
            maximum=1,
            empty=_NO_CLASSES,
        ),
    ]
