"""Evaluation is recognised, and a pass is the mean over its samples."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import f1_score
from torch import nn

from tests.integrations.torch.lazy import DEVICE
from tests.integrations.torch.loops import batches, errors, given, model, quiet
from traingauge.integrations.torch import watch


def evaluate(net, criterion, sizes, seed=5):
    """A pass over batches of these sizes: the mean loss of its samples, its labels and its predictions."""
    found, labels, decided = [], [], []
    for at, size in enumerate(sizes):
        ((x, y),) = batches(1, size, seed=seed + at)
        z = net(x)
        found.append(criterion(z, y).item())
        labels += y.tolist()
        decided += z.argmax(1).tolist()
    mean = sum(loss * size for loss, size in zip(found, sizes, strict=True)) / sum(sizes)
    return mean, labels, decided


def trained(monitor, evaluation, **settings):
    """Two epochs of two steps, each followed by an evaluation."""
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with watch(monitor, net, optimizer, criterion, **settings) as loop:
        for _ in range(2):
            net.train()
            for x, y in batches(2):
                optimizer.zero_grad()
                criterion(net(x), y).backward()
                optimizer.step()
            evaluation(net, criterion, loop)


def test_a_pass_is_recognised_by_its_missing_gradient_and_weighs_batches_by_samples():
    expected = []

    def evaluation(net, criterion, loop):
        net.eval()
        with torch.no_grad():
            expected.append(evaluate(net, criterion, [8, 8, 3]))

    with quiet() as monitor:
        trained(monitor, evaluation)
        assert given(monitor, "loss", "validation") == pytest.approx(
            [mean for mean, *_ in expected], rel=1e-6
        )
        assert monitor.rows("validation")["samples"].tolist() == [19, 19]
        scores = [f1_score(true, made, average="macro", zero_division=0) for _, true, made in expected]
        assert monitor.history["val_f1"] == pytest.approx(scores)
        assert len(given(monitor, "loss")) == 4
        assert errors(monitor) == {}


def test_a_pass_of_a_model_in_evaluation_mode_is_recognised_though_it_has_gradients():
    expected = []

    def evaluation(net, criterion, loop):
        net.eval()
        expected.append(evaluate(net, criterion, [8])[0])

    with quiet() as monitor:
        trained(monitor, evaluation)
        assert given(monitor, "loss", "validation") == pytest.approx(expected, rel=1e-6)
        assert len(given(monitor, "loss")) == 4


def test_a_pass_without_gradients_in_training_mode_is_recognised():
    def evaluation(net, criterion, loop):
        with torch.inference_mode():
            evaluate(net, criterion, [8])

    with quiet() as monitor:
        trained(monitor, evaluation, split="test")
        assert len(given(monitor, "loss", "test")) == 2


def test_the_script_may_say_which_split_a_pass_is_over():
    def evaluation(net, criterion, loop):
        for split, size in (("validation", 4), ("test", 6)):
            with loop.evaluation(split):
                evaluate(net, criterion, [size])

    with quiet() as monitor:
        trained(monitor, evaluation)
        assert monitor.rows("validation")["samples"].tolist() == [4, 4]
        assert monitor.rows("test")["samples"].tolist() == [6, 6]


def test_a_pass_that_an_exception_left_is_not_published():
    def evaluation(net, criterion, loop):
        with loop.evaluation("validation"):
            evaluate(net, criterion, [8])
            raise ValueError("a batch is damaged")

    with quiet() as monitor:
        with pytest.raises(ValueError, match="damaged"):
            trained(monitor, evaluation)
        assert monitor.rows("validation") == {}


def test_a_model_that_is_trained_in_evaluation_mode_is_trained():
    net, criterion = model().eval(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(4):
                loss = criterion(net(x), y)
                losses.append(loss.item())
                loss.backward()
                optimizer.step()
        assert given(monitor, "loss") == losses
        assert monitor.rows("validation") == {}


def test_a_loop_that_does_not_return_to_training_mode_is_recorded_all_the_same():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses, passes = [], []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for _ in range(3):
                for x, y in batches(2):
                    loss = criterion(net(x), y)
                    losses.append(loss.item())
                    loss.backward()
                    optimizer.step()
                net.eval()
                with torch.no_grad():
                    passes.append(evaluate(net, criterion, [8, 4])[0])
        assert given(monitor, "loss") == losses
        assert given(monitor, "loss", "validation") == pytest.approx(passes, rel=1e-6)
        assert monitor.rows("validation")["samples"].tolist() == [12] * 3
        assert errors(monitor) == {}


def test_labels_that_are_left_out_are_left_out_of_the_mean_of_a_pass():
    net = nn.Linear(4, 3)
    criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    x = torch.randn(12, 4)
    y = torch.tensor([0, 1, 2, -100, -100, -100, 1, 1, 0, 2, -100, 2])
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion), torch.no_grad():
            for part in (slice(0, 6), slice(6, 12)):
                criterion(net(x[part]), y[part])
            whole = nn.functional.cross_entropy(net(x), y, weight=criterion.weight).item()
        assert given(monitor, "loss", "validation") == pytest.approx([whole], rel=1e-6)
        assert errors(monitor) == {}


@pytest.mark.parametrize("device", ["cpu", DEVICE])
def test_a_batch_without_a_label_leaves_the_mean_of_a_pass_as_it_is(device):
    torch.manual_seed(0)
    z, criterion = torch.randn(8, 3), nn.CrossEntropyLoss()
    y = torch.tensor([0, 1, 2, 1, -100, -100, -100, -100])
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    with quiet() as monitor:
        with watch(monitor, nn.Identity(), optimizer, criterion), torch.no_grad():
            for part in (slice(0, 4), slice(4, 8)):
                criterion(z[part].to(device), y[part].to(device))
        whole = nn.functional.cross_entropy(z, y).item()
        assert given(monitor, "loss", "validation") == pytest.approx([whole], rel=1e-6)
        assert errors(monitor) == {}


@pytest.mark.parametrize("sizes", [(8, 3), (8, 0, 3)], ids=["two batches", "one more without samples"])
def test_a_pass_of_a_criterion_that_sums_is_the_mean_of_its_samples(sizes):
    net, criterion = model(), nn.CrossEntropyLoss(reduction="sum")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion), torch.no_grad():
            summed = sum(criterion(net(x), y).item() for size in sizes for x, y in batches(1, size))
        assert given(monitor, "loss", "validation") == pytest.approx([summed / 11], rel=1e-6)
        assert errors(monitor) == {}


CRITERIA = {
    "two classes": (nn.CrossEntropyLoss(), 2, lambda: torch.randint(2, (8,)), "roc_auc"),
    "log-probabilities": (nn.NLLLoss(), 3, lambda: torch.randint(3, (8,)), "log_loss"),
    "soft labels": (nn.CrossEntropyLoss(), 3, lambda: torch.softmax(torch.randn(8, 3), 1), "accuracy"),
    "one logit": (nn.BCEWithLogitsLoss(), 1, lambda: torch.randint(2, (8, 1)).float(), "roc_auc"),
    "several labels": (nn.BCEWithLogitsLoss(), 5, lambda: torch.randint(2, (8, 5)).float(), "f1"),
    "quantities": (nn.MSELoss(), 2, lambda: torch.randn(8, 2), "root_mean_squared_error"),
}


@pytest.mark.parametrize("kind", CRITERIA)
def test_what_a_criterion_compares_is_scored(kind):
    criterion, width, targets, score = CRITERIA[kind]
    torch.manual_seed(0)
    net = nn.Linear(4, width)
    outputs = nn.Sequential(net, nn.LogSoftmax(1)) if isinstance(criterion, nn.NLLLoss) else net
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, outputs, optimizer, criterion):
            for _ in range(3):
                criterion(outputs(torch.randn(8, 4)), targets()).backward()
                optimizer.step()
        monitor.end_epoch()
        assert score in monitor.history
        assert errors(monitor) == {}


def test_logits_between_0_and_1_are_logits_from_the_first_step(caplog):
    criterion, z = nn.BCEWithLogitsLoss(), torch.full((8, 1), 0.25, requires_grad=True)
    optimizer = torch.optim.SGD([z], lr=100.0)
    y = torch.ones(8, 1)
    with quiet() as monitor:
        with watch(monitor, nn.Identity(), optimizer, criterion):
            criterion(z, y).backward()
            optimizer.step()
        monitor.end_epoch()
        assert monitor.history["accuracy"] == [1.0]
    assert caplog.text == ""


def test_images_are_compared_by_their_loss_alone():
    net, criterion = nn.Conv2d(3, 3, 1), nn.MSELoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            x = torch.randn(4, 3, 8, 8)
            criterion(net(x), x).backward()
            optimizer.step()
        monitor.end_epoch()
        assert set(monitor.history) == {"loss"}
        assert monitor.rows()["samples"].tolist() == [4]


def test_of_several_criteria_the_first_that_says_what_it_compares_is_scored():
    net, criteria = model(), [nn.CrossEntropyLoss(), nn.MSELoss()]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criteria):
            for x, y in batches(3):
                z = net(x)
                loss = criteria[0](z, y) + 0.5 * criteria[1](z, torch.zeros_like(z))
                losses.append(loss.item())
                loss.backward()
                optimizer.step()
        assert given(monitor, "loss") == pytest.approx(losses, rel=1e-6)
        monitor.end_epoch()
        assert "accuracy" in monitor.history
        assert errors(monitor) == {}


def test_labels_that_do_not_fit_leave_the_loss():
    class Odd(nn.Module):
        def forward(self, z, y):
            return z.sum()

    net, criterion = model(), Odd()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    from traingauge import Scoring

    with quiet(scoring=Scoring(task="multiclass", classes=3)) as monitor:
        with watch(monitor, net, optimizer, criterion):
            criterion(net(torch.randn(8, 4)), torch.full((8,), 7)).backward()
            optimizer.step()
        assert len(given(monitor, "loss")) == 1
        assert errors(monitor) == {"data": 1}


def test_each_batch_of_a_pass_is_a_sign_of_life(read):
    signs = []

    def evaluation(net, criterion, loop):
        with torch.no_grad():
            for x, y in batches(3):
                criterion(net(x), y)
                signs.append(read(monitor, "model_last_activity_timestamp_seconds"))

    with quiet() as monitor:
        trained(monitor, evaluation)
        assert signs == sorted(set(signs))
        assert len(signs) == 6
