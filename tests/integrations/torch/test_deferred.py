"""Labels and predictions of a watched loop on the host: encoded when the run is read, steps of one shape together."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.integrations.torch.loops import errors, given, quiet
from traingauge import Scoring
from traingauge.core.collectors.scores import Scores
from traingauge.core.deferred_scores import SMALL_BYTES, Unencoded, deferred, encoded
from traingauge.core.event_queue import BACKLOG_SAMPLES
from traingauge.core.events import OfOutput, Scored
from traingauge.core.guard import Guard
from traingauge.errors import TrainGaugeError
from traingauge.integrations.torch import watch

#: Labels and predictions of one step, by kind.
KINDS = {
    "logits of three classes": lambda at, n: (torch.randint(3, (n,)), 2 * torch.randn(n, 3)),
    "half precision": lambda at, n: (torch.randint(3, (n,)), torch.randn(n, 3).bfloat16()),
    "logits of one class": lambda at, n: (torch.randint(2, (n, 1)).float(), torch.randn(n, 1)),
    "one-hot rows": lambda at, n: (torch.eye(3)[torch.randint(3, (n,))], torch.randn(n, 3).softmax(1)),
    "several labels": lambda at, n: (torch.randint(2, (n, 4)).float(), torch.randn(n, 4)),
    "decisions": lambda at, n: (torch.randint(3, (n,)), torch.randint(3, (n,))),
    "quantities": lambda at, n: (torch.randn(n), torch.randn(n)),
    "probabilities, then logits": lambda at, n: (
        torch.randint(2, (n,)),
        torch.rand(n) if at < 5 else 4 * torch.randn(n),
    ),
    "a step without labels": lambda at, n: (
        torch.full((n,), -100) if at == 4 else torch.randint(3, (n,)),
        torch.randn(n, 3),
    ),
    "NaN in one step": lambda at, n: (
        torch.randint(3, (n,)),
        torch.full((n, 3), torch.nan) if at == 4 else torch.randn(n, 3),
    ),
    "more classes than are sorted": lambda at, n: (torch.randint(150, (n,)), torch.randn(n, 150)),
}


def batches(kind, *, steps=12):
    torch.manual_seed(3)
    return [KINDS[kind](at, 1 + at % 4 if at > 6 else 8) for at in range(steps)]


def watched(steps, **settings):
    """What is published of a loop that gives these labels and predictions."""
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with quiet(**settings) as monitor:
        with watch(monitor, model, optimizer) as loop:
            for y_true, y_pred in steps:
                loop.loss(model(torch.ones(1, 1)).sum(), y_true, y_pred).backward()
                optimizer.step()
                optimizer.zero_grad()
        return published(monitor)


def stepped(steps, **settings):
    """The same of a loop that gives arrays to each step."""
    with quiet(**settings) as monitor:
        for y_true, y_pred in steps:
            predicted = y_pred.float() if y_pred.is_floating_point() else y_pred  # numpy has no bfloat16
            monitor.step(loss=0.0, y_true=y_true.numpy(), y_pred=predicted.numpy())
        return published(monitor)


def published(monitor):
    monitor.end_epoch()
    scores = {
        name: values[-1] for name, values in monitor.history.items() if "loss" not in name or "log" in name
    }
    return scores, errors(monitor), monitor.rows()["samples"].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_steps_that_are_encoded_later_have_the_scores_of_steps_that_are_encoded_at_once(kind):
    scores, counted, samples = watched(batches(kind))
    expected, expected_errors, expected_samples = stepped(batches(kind))
    assert scores == pytest.approx(expected, rel=1e-6, nan_ok=True)
    assert (counted, samples) == (expected_errors, expected_samples)


def test_steps_of_one_shape_are_encoded_together():
    scores = Scores(Scoring(task="multiclass", classes=3))
    steps = [
        deferred(y_true, y_pred, None, small=True) for y_true, y_pred in batches("logits of three classes")
    ]
    found = encoded(steps, scores, Guard())
    assert (
        [one.samples for one in found]
        == [len(one.content.true) for one in found]
        == [8] * 7 + [4, 1, 2, 3, 4]
    )
    assert len({id(one.content.true.base) for one in found}) == 1


def test_labels_and_logits_that_the_loop_overwrites_count_as_they_were():
    labels, logits = torch.tensor([0, 1, 2]), torch.eye(3)

    def overwritten():
        yield labels, logits
        logits.fill_(0.0)
        labels.fill_(2)

    scores, *_ = watched(overwritten(), scoring=Scoring(task="multiclass", classes=3))
    assert scores["accuracy"] == 1.0


def test_of_steps_that_are_encoded_together_one_that_does_not_fit_leaves_the_others_scored():
    steps = [(torch.tensor([0, 1, 2]), torch.eye(3)) for _ in range(6)]
    steps[3] = (torch.tensor([0, 1, 7]), torch.eye(3))
    scores, counted, _ = watched(steps, scoring=Scoring(classes=3))
    assert (scores["accuracy"], counted) == (1.0, {"data": 1})


@pytest.mark.parametrize(
    "misfit",
    [
        (torch.zeros(1), torch.tensor(0.5)),
        (torch.tensor([0]), torch.zeros(())),
        (torch.tensor([0, 1]), torch.eye(2, 3).to_sparse()),
        (torch.zeros(3), torch.zeros(3, 3, device="meta")),
        (torch.zeros(2, dtype=torch.complex64), torch.eye(2, 3)),
        (torch.zeros(0), torch.zeros(0, 3)),
    ],
    ids=["one number, squeezed", "one label, squeezed", "sparse", "meta", "complex", "empty"],
)
@pytest.mark.parametrize("count", [1, 2])
def test_labels_and_predictions_of_any_shape_and_kind_leave_the_losses_of_their_steps_and_the_others(
    misfit, count
):
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    fits = torch.tensor([0, 1, 2]), torch.eye(3)
    with quiet(scoring=Scoring(task="multiclass", classes=3)) as monitor:
        with watch(monitor, model, optimizer) as loop:
            for y_true, y_pred in [fits, fits, *[misfit] * count, fits]:
                loop.loss(model(torch.ones(1, 1)).sum(), y_true, y_pred).backward()
                optimizer.step()
        losses = given(monitor, "loss")
        monitor.end_epoch()
        assert (len(losses), monitor.history["accuracy"]) == (3 + count, [1.0])
        assert errors(monitor).keys() <= {"data"}


def test_large_labels_and_predictions_are_encoded_at_once():
    rows = SMALL_BYTES // 4
    assert deferred(torch.zeros(rows), torch.zeros(rows), None, small=True) is None
    assert isinstance(deferred(torch.zeros(8), torch.zeros(8), None, small=True), Unencoded)


def test_labels_on_the_host_do_not_wait_where_an_error_reaches_the_script():
    assert deferred(torch.zeros(8), torch.zeros(8), None, small=False) is None


def pending(monitor):
    """How the labels and predictions of each step wait."""
    return [type(step.scored).__name__ for step in monitor.session.queue.pending]


@pytest.mark.parametrize(("strict", "later"), [(False, "Unencoded"), (True, "Encoded")])
def test_the_steps_of_a_loop_of_ones_own_wait_once_what_does_not_fit_is_counted(strict, later):
    labels, logits = torch.tensor([0, 1, 2]), torch.eye(3)
    with quiet(scoring=Scoring(task="multiclass", classes=3), strict=strict) as monitor:
        for _ in range(3):
            monitor.step(loss=0.5, y_true=labels, y_pred=logits)
        assert pending(monitor) == ["Encoded", later, later]
        monitor.end_epoch()
        assert monitor.history["accuracy"] == [1.0]


def test_a_step_of_a_loop_of_ones_own_that_does_not_fit_raises_at_first_and_is_counted_later():
    with quiet(scoring=Scoring(task="multiclass", classes=3)) as monitor:
        with pytest.raises(TrainGaugeError):
            monitor.step(y_true=torch.tensor([0, 7]), y_pred=torch.eye(2, 3))
        monitor.step(y_true=torch.tensor([0, 1]), y_pred=torch.eye(2, 3))
        monitor.step(y_true=torch.tensor([0, 7]), y_pred=torch.eye(2, 3))
        assert errors(monitor) == {"data": 1}


def test_what_outputs_of_a_model_keep_is_drained_when_it_is_much():
    waits = deferred(torch.tensor([0, 1]), torch.eye(2), None, small=True)._replace(held=BACKLOG_SAMPLES)
    with quiet() as monitor:
        monitor.step(loss=0.5)
        session = monitor.session
        session.found_task("multiclass", 2, output="head")
        session.record(Scored(0.0, {"loss": 0.5}, None, None, 2, outputs=[OfOutput("head", [0.5], [waits])]))
        assert session.queue.pending == []
