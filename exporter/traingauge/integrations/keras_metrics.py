"""A Keras metric of its own right: the confusion matrix, kept on the device."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from traingauge.classification.counts import Counts
from traingauge.classification.tasks import Task
from traingauge.errors import InvalidArgumentError
from traingauge.integrations.keras_counts import ClassCounts
from traingauge.integrations.keras_labels import classify
from traingauge.integrations.keras_task import Plan, Told, UnclearError, comparable, plan_of


@keras.saving.register_keras_serializable("traingauge")
class ConfusionMatrix(keras.metrics.Metric):  # type: ignore[misc]  # Keras has no types
    """Counts what a classifier gets right and wrong, for ``compile(metrics=[…])``; a saved model keeps it.

    It counts as the callback does, and works without it. Its result is a dictionary, so that Keras logs ``accuracy``,
    ``precision``, ``recall`` and ``f1`` of what was counted since the epoch began; precision, recall and F1 are those of
    class 1 for two classes, else the mean over the classes where they are defined. Undefined is NaN.

    Args:
        classes: Number of classes K.
        task: ``"binary"``, ``"multiclass"`` or ``"multilabel"``; ``None`` is ``binary`` for two, else ``multiclass``.
        threshold: Probability above which the positive class, or a label, is predicted; 0.5, and the higher output of two,
            if ``None``.
        from_logits: Whether outputs are logits.
        ignore_class: Label that is left out.
        name: As of any metric.

    Raises:
        InvalidArgumentError: A task that is none of these, or that ``classes`` do not fit.

    >>> matrix = ConfusionMatrix(3)
    >>> matrix.update_state([0, 1, 2, 2], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    >>> matrix.counts.confusion.astype(int)
    array([[1, 0, 0],
           [0, 1, 0],
           [1, 0, 1]])
    >>> {name: float(value) for name, value in matrix.result().items()}["accuracy"]
    0.75
    """

    def __init__(
        self,
        classes: int,
        *,
        task: Task | None = None,
        threshold: float | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        name: str = "confusion_matrix",
    ) -> None:
        super().__init__(name=name, dtype="float64")
        task = task or ("binary" if classes == 2 else "multiclass")
        fewest = {"binary": 2, "multiclass": 2, "multilabel": 1}.get(task)
        if fewest is None or classes < fewest or (task == "binary" and classes > 2):
            raise InvalidArgumentError(
                f"task={task!r} with {classes} classes: expected binary with 2, multiclass with 2 or more, or multilabel"
            )
        self._config = {
            "classes": classes,
            "task": task,
            "threshold": threshold,
            "from_logits": from_logits,
            "ignore_class": ignore_class,
        }
        self._told = Told(task, threshold, from_logits, ignore_class)
        self._counter = ClassCounts(plan_of(self._told, classes))
        self._vector = self.add_variable((self._counter.width,), "zeros", dtype="float64", name="counts")

    @property
    def counts(self) -> Counts:
        """What was counted since the last reset."""
        return self._counter.decode(np.asarray(self._vector)[None])[0]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch.

        Args:
            y_true: Labels, shape (n,), (n, 1), (n, …) or one-hot (n, …, K).
            y_pred: Outputs, shape (n,), (n, 1) or (n, …, K).
            sample_weight: Shape (n,) or (n, …); 1 each if ``None``.

        Raises:
            InvalidArgumentError: Labels, outputs or weights that do not go together.
        """
        y_true, y_pred = tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred)
        plan = self._plan(y_true, y_pred)
        weight = None if sample_weight is None else tf.convert_to_tensor(sample_weight)
        try:
            vector = ClassCounts(plan).measure(classify(plan, y_true, y_pred, weight))
        except UnclearError as error:
            raise InvalidArgumentError(str(error)) from error
        self._vector.assign_add(vector)

    def result(self) -> dict[str, Any]:
        """Scalars by name."""
        hits, support, predicted, correct, total = self._counter.split(tf.convert_to_tensor(self._vector))
        scores = {
            "precision": hits / predicted,  # 0 / 0 is NaN
            "recall": hits / support,
            "f1": 2 * hits / (support + predicted),
        }
        return {
            "accuracy": correct / total,
            **{name: self._average(values) for name, values in scores.items()},
        }

    def get_config(self) -> dict[str, Any]:
        """What makes the same metric again."""
        return {"name": self.name, **self._config}

    def _plan(self, y_true: Any, y_pred: Any) -> Plan:
        last = int(y_pred.shape[-1]) if y_pred.shape.rank > 1 else 1
        plan = plan_of(self._told, last)
        if plan.classes != self._config["classes"] or not comparable(plan, y_true, y_pred):
            raise InvalidArgumentError(
                f"y_true has shape {tuple(y_true.shape)} and y_pred {tuple(y_pred.shape)}: "
                f"expected a label and outputs for {self._config['classes']} classes"
            )
        return plan

    def _average(self, values: Any) -> Any:
        if self._told.task == "binary":
            return values[1]
        defined = tf.math.is_finite(values)
        total = tf.reduce_sum(tf.where(defined, values, 0.0))
        return total / tf.reduce_sum(tf.cast(defined, values.dtype))
