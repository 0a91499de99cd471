"""Classes: which ones are lost, and what they are mistaken for."""

from __future__ import annotations

from dashboards.vocabulary import annotations, colours, units, variables
from dashboards.vocabulary.heatmap import RED_WHEN_LOW, ROWS, cells
from dashboards.vocabulary.layout import Section, compose
from dashboards.vocabulary.links import CLASSES
from dashboards.vocabulary.matrix import SAME, matrix
from dashboards.vocabulary.metrics import latest, series
from dashboards.vocabulary.panels import bars, lines, not_a_number
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.ranking import lowest_now
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel, model
from dashboards.vocabulary.tables import Column, rows
from dashboards.vocabulary.thresholds import baseline_line, threshold_lines

#: Pairs of classes in the table of confusions.
_MOST_CONFUSED = 12

#: Colours and widths of the classes that are drawn as lines. Of two with equal values, the wider one shows behind the other.
_WORST = tuple(zip(colours.MEASURED, (8, 5, 3, 1), strict=True))

#: Classes that are drawn as bars, and a height with room for as many.
_LONGEST, _TALL = 20, 16

_PAIR = f"sum by (actual, predicted) (last_over_time({series('model_confusion', split='$scored')}[$__range]))"
_SUPPORT = f"last_over_time({series('model_class_support', split='$scored')}[$__range])"
_ACTUAL = f'sum by (actual) (label_replace({_SUPPORT}, "actual", "$1", "class", "(.*)"))'

#: The diagonal: what is predicted as the class that it is.
_RIGHT = f'label_replace({_ACTUAL}, "predicted", "$1", "actual", "(.*)")'


_NO_MATRIX = Reason(
    "the run has too many classes for a matrix, or reports no class predictions.", "no matrix"
)
_NO_CLASSES = Reason(
    "the run reports no class predictions, or has not evaluated this split yet.", "no classes"
)


def dashboard() -> model.Dashboard:
    """The dashboard."""
    return compose(
        uid=CLASSES,
        one_run=True,
        title="Classes",
        description="Scores per class: which classes are lost, and what they are mistaken for.",
        variables=[
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
        annotations=annotations.of_a_run(switches=False),
        sections=[
            Section("Which classes are worst, and since when?", _worst()),
            Section("What are they mistaken for?", _confusion()),
            Section("What is mistaken for them?", _over_time()),
            Section("Can the probabilities be trusted?", _probabilities()),
            Section("The confusion matrix in samples", [_confusion_in_samples()], collapsed=True),
            Section("Over the whole time range", _whole_range(), collapsed=True),
        ],
    )


def _of_classes(name: str) -> str:
    return series(name, split="$scored", class_="$class")


def _worst() -> list[Panel]:
    def per_class(name: str) -> str:
        return f"min by (class) ({latest(_of_classes(name))})"

    return [
        rows(
            "Classes by recall",
            Column("Class", 90, label="class"),
            Column("Recall", 80, expr=per_class("model_class_recall"), unit=units.SHARE, decimals=1),
            Column(
                "Precision",
                122,
                expr=_precision(per_class("model_class_precision"), per_class("model_class_support")),
                unit=units.SHARE,
                decimals=1,
                mappings=[not_a_number("never predicted")],
                fixed=True,
            ),
            Column("F1", 80, expr=per_class("model_class_f1"), unit=units.SHARE, decimals=1),
            Column(
                "Specificity", 98, expr=per_class("model_class_specificity"), unit=units.SHARE, decimals=1
            ),
            Column("Support", 80, expr=per_class("model_class_support"), unit=units.COUNT, decimals=0),
            description="Every class, the worst first. Low recall: the class is missed. Low precision: other "
            "classes are mistaken for it; a class that is never predicted has none. Support is the number of samples in "
            "the window or pass: ignore the scores where it is small. A class that disappears from the data loses its "
            "support.",
            sort_by="Recall",
            width=11,
            height=12,
            empty=_NO_CLASSES,
        ),
        cells(
            "Recall of each class",
            _of_classes("model_class_recall"),
            by="class",
            combine="min",
            shade=RED_WHEN_LOW,
            description="One row per class, red where it is missed. One red row is a lost class; all "
            f"rows red at once is the input or the whole model. Of more than {ROWS} classes, the worst.",
            unit=units.SHARE,
            minimum=0,
            maximum=1,
            width=13,
            height=12,
            empty=_NO_CLASSES,
        ),
    ]


def _precision(precision: str, support: str) -> str:
    """The precision of each class: NaN for one that is never predicted, and nothing if its samples are missing as well."""
    return f"{precision} unless on (class) (({precision} != {precision}) and on (class) ({support} == 0))"


def _confusion() -> list[Panel]:
    share = f"{_PAIR} / on (actual) group_left () {_ACTUAL}"
    most = f"topk({_MOST_CONFUSED}, (({share}) unless on (actual, predicted) {_RIGHT}) > 0)"
    return [
        rows(
            "Most confused",
            Column("Actual", 110, label="actual"),
            Column("Predicted as", 110, label="predicted"),
            Column("Share", 90, expr=most, unit=units.SHARE, decimals=1),
            Column(
                "Samples",
                90,
                expr=f"{most} * on (actual) group_left () {_ACTUAL}",
                unit=units.COUNT,
                decimals=0,
            ),
            description=f"The {_MOST_CONFUSED} largest shares of a class that are predicted as another one. If one "
            "pair stands out, the two classes look alike, or their labels were swapped.",
            sort_by="Share",
            descending=True,
            width=8,
            height=14,
            empty=Reason(f"no sample is predicted as another class, or {_NO_MATRIX.why}", "none known"),
        ),
        matrix(
            "Confusion: actual class by row, predicted by column",
            _by_class(share),
            rows="actual",
            columns="predicted",
            description="Share of each actual class (row) that is predicted correctly, which is its recall (from red, none, "
            "to green, all), and as each other class: every red cell there is an error, and its column names the class that "
            "it is mistaken for.",
            unit=units.SHARE,
            decimals=0,
            maximum=1,
            width=16,
            height=14,
            empty=_NO_MATRIX,
        ),
    ]


def _by_class(pairs: str) -> str:
    """Pairs of classes as :func:`matrix` takes them."""
    right, wrong = (f"({pairs}) {which} on (actual, predicted) {_RIGHT}" for which in ("and", "unless"))
    return f'label_replace({right}, "predicted", "{SAME}", "", "") or {wrong}'


def _confusion_in_samples() -> Panel:
    return matrix(
        "Confusion in samples: actual class by row, predicted by column",
        _by_class(_PAIR),
        rows="actual",
        columns="predicted",
        description="The same in samples: rows are actual classes, columns predicted ones.",
        unit=units.COUNT,
        decimals=0,
        width=24,
        height=14,
        empty=_NO_MATRIX,
    )


def _over_time() -> list[Panel]:
    recall = _of_classes("model_class_recall")
    return [
        cells(
            "Precision of each class",
            _of_classes("model_class_precision"),
            by="class",
            combine="min",
            shade=RED_WHEN_LOW,
            # A class that is never predicted has no precision, and would look as if nothing were wrong.
            undefined=f"0 * (max by (class) ({_of_classes('model_class_support')}) > 0)",
            ranked_by=_of_classes("model_class_f1"),
            description="One row per class, red where other classes are mistaken for it, and where a class that is in the "
            f"data is never predicted. Of more than {ROWS} classes, those with the lowest F1.",
            unit=units.SHARE,
            minimum=0,
            maximum=1,
            empty=_NO_CLASSES,
        ),
        lines(
            "Recall of the worst classes",
            *_lines_of_the_worst(recall),
            *threshold_lines("class_recall"),
            description=f"The {len(_WORST)} chosen classes whose recall is lowest now. The lowest has the widest line: it "
            "shows behind one of equal recall. Dashed: the threshold below which the alert for a collapsed class fires.",
            unit=units.SHARE,
            decimals=1,
            minimum=0,
            maximum=1,
            height=10,
            empty=_NO_CLASSES,
        ),
    ]


def _lines_of_the_worst(recall: str) -> list[Query]:
    """A query for each rank: Grafana gives colours and widths by query."""

    def worst(most: int) -> str:
        return lowest_now(recall, "class", most)

    return [
        Query(
            f"{recall} and on (class) {worst(rank + 1)}"
            + (f" unless on (class) {worst(rank)}" if rank else ""),
            "class {{class}}",
            style={"color": {"mode": "fixed", "fixedColor": colour}, "custom.lineWidth": width},
        )
        for rank, (colour, width) in enumerate(_WORST)
    ]


def _probabilities() -> list[Panel]:
    no_probabilities = Reason("the run reports no probabilities of classes.", "no probabilities")

    def of(*names: str) -> list[Query]:
        return [
            Query(
                series(f"model_{name}", split="$scored"),
                f"{name.replace('_', ' ')}",
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
            last_in_legend="any",
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
            last_in_legend="any",
            width=8,
            empty=no_probabilities,
        ),
        lines(
            "Ranking",
            *of("roc_auc", "average_precision"),
            Query(series("model_top_k_accuracy", split="$scored"), "top {{k}}"),
            baseline_line("roc_auc", "average_precision"),
            description="Areas under the ROC curve and the precision-recall curve: how well "
            "probabilities rank the samples, whatever the decision threshold. The second "
            "is stricter where a class is rare. Exact unless `model_score_error_bound` is above 0. "
            "Also top-k accuracy. Dashed: baselines.",
            unit=units.NUMBER,
            decimals=3,
            maximum=1,
            last_in_legend="any",
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
            Query(_lowest(f"{hits} / ({hits} + {missed})"), "{{class}}", instant=True),
            description=f"Recall over all samples of the time range, computed from counters. The {_LONGEST} "
            "worst classes.",
            unit=units.SHARE,
            decimals=1,
            maximum=1,
            height=_TALL,
            empty=_NO_CLASSES,
        ),
        bars(
            "Precision over the time range",
            Query(_lowest(f"{hits} / ({hits} + {false})"), "{{class}}", instant=True),
            description=f"Precision over all samples of the time range, computed from counters. The {_LONGEST} "
            "worst classes.",
            unit=units.SHARE,
            decimals=1,
            maximum=1,
            height=_TALL,
            empty=_NO_CLASSES,
        ),
    ]


def _lowest(expr: str) -> str:
    return f"sort(bottomk({_LONGEST}, {expr}))"
