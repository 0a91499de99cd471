"""Each output of a model with several has a loss and scores of its own, next to those of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error

from traingauge.core.collectors.outputs import OUTPUT_CAP
from traingauge.core.events import OfOutput, Pass, Scored
from traingauge.testing import RecordingSession

TRUE, PREDICTED = np.array([0, 1, 2, 2, 1, 0]), np.array([0, 1, 1, 2, 1, 2])
AGES, GUESSES = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])


@pytest.fixture
def session():
    """A run that has recorded two steps and a pass of a model that knows digit and age."""
    session = RecordingSession()
    for at in (0.0, 1.0):
        outputs = [of(session, "digit", TRUE, PREDICTED, 0.5 + at), of(session, "age", AGES, GUESSES, 3.0)]
        session.record(Scored(at, {"loss": 3.5 + at}, None, None, 6, outputs=outputs))
    outputs = [of(session, "digit", TRUE, TRUE, 0.25, "validation")]
    session.record(Pass("validation", 2.0, 0.75, 1, 6, outputs=outputs))
    return session


def of(session, name, true, predicted, loss, split="train"):  # noqa: PLR0917 as they are written
    session.found_task("regression" if true.dtype == float else "multiclass", output=name)
    return OfOutput(name, [loss], [session.encode(true, predicted, None, split, name)])


def test_an_output_has_its_own_loss_next_to_the_total(session):
    found = {
        output: session.value("model_loss", split="train", **output_of(output))
        for output in ("", "digit", "age")
    }
    assert found == {"": 4.5, "digit": 1.5, "age": 3.0}
    assert session.value("model_loss_window_mean", split="train", output="digit") == 1.0


def output_of(name):
    return {"output": name} if name else {}


def test_outputs_of_different_tasks_have_the_scores_of_their_task(session):
    assert session.value("model_accuracy", split="train", output="digit") == accuracy_score(TRUE, PREDICTED)
    assert session.value("model_mean_absolute_error", split="train", output="age") == mean_absolute_error(
        AGES, GUESSES
    )
    assert session.value("model_mean_absolute_error", split="train", output="digit") is None
    assert session.value("model_accuracy", split="train") is None
    assert not session.errors


def test_a_pass_replaces_the_scores_of_an_output(session):
    assert session.value("model_accuracy", split="validation", output="digit") == 1
    assert session.value("model_loss", split="validation", output="digit") == 0.25
    session.record(
        Pass(
            "validation", 3.0, 0.75, 1, 6, outputs=[of(session, "digit", TRUE, PREDICTED, 0.5, "validation")]
        )
    )
    assert session.value("model_accuracy", split="validation", output="digit") == accuracy_score(
        TRUE, PREDICTED
    )
    assert session.value("model_score_best", metric="accuracy", split="validation", output="digit") == 1


def test_whole_and_outputs_are_one_family(session):
    names = [family.metric.name for family in session.reader.families()]
    assert len(names) == len(set(names))


def test_outputs_survive_the_process(session):
    tree, _ = session.snapshot.save()
    resumed = RecordingSession()
    resumed.outputs.restore(tree["outputs"])
    for metric in ("model_accuracy", "model_loss_best"):
        expected = session.value(metric, split="train", output="digit")
        assert resumed.value(metric, split="train", output="digit") == expected


def test_the_number_of_outputs_is_bounded(session):
    names = [f"box {at}" for at in range(OUTPUT_CAP)]
    outputs = [of(session, name, AGES, GUESSES, 1.0) for name in names[:-2]]
    assert session.encode(AGES, GUESSES, None, "train", names[-1]) is None
    session.record(Scored(2.0, {"loss": 1.0}, None, None, 3, outputs=[*outputs, OfOutput(names[-1], [1.0])]))
    assert session.value("model_loss", split="train", output=names[-3]) == 1
    assert session.value("model_loss", split="train", output=names[-1]) is None
    assert session.value("model_monitor_dropped_series_total", reason="output") == 1
