"""Of a step that tries its loss at moved weights, the loss at the weights of the step counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.integrations.torch.lazy import DEVICE, Waits
from tests.integrations.torch.loops import batches, errors, given, model, quiet
from traingauge.integrations.torch import watch


class SharpnessAware(torch.optim.Optimizer):
    """As it is usually written: two phases, of which the second has the optimizer in it update."""

    def __init__(self, parameters):
        super().__init__(parameters, {"lr": 0.1})
        self.base = torch.optim.SGD(self.param_groups, lr=0.1)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def ascend(self):
        for one in self.param_groups[0]["params"]:
            self.state[one]["was"] = one.clone()
            one.add_(one.grad)

    @torch.no_grad()
    def descend(self):
        for one in self.param_groups[0]["params"]:
            one.copy_(self.state[one]["was"])
        self.base.step()

    def step(self, closure):
        self.ascend()
        self.zero_grad()
        with torch.enable_grad():
            closure()
        self.descend()


def train(watched, *, phases=True, base=False, to_none=True, micro=1):
    """A loop of sharpness-aware minimisation; the losses of its steps, by hand."""
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, losses = SharpnessAware(net.parameters()), []

    def compute(inputs):
        found = [criterion(net(x), y) / micro for x, y in inputs]
        for loss in found:
            loss.backward()
        return sum(found).item()

    with watch(watched, net, optimizer.base if base else optimizer, criterion):
        window = list(batches(3 * micro))
        for at in range(3):
            inputs = window[at * micro : (at + 1) * micro]
            losses.append(compute(inputs))
            if phases:
                optimizer.ascend()
                optimizer.zero_grad(set_to_none=to_none)
                compute(inputs)
                optimizer.descend()
            else:
                optimizer.step(lambda inputs=inputs: compute(inputs))
            optimizer.zero_grad()
    return losses


@pytest.mark.parametrize("base", [False, True], ids=["of the whole", "of the base"])
@pytest.mark.parametrize(
    "kind", [{}, {"to_none": False}, {"micro": 3}, {"phases": False}], ids=lambda kind: next(iter(kind), "")
)
def test_the_loss_of_sharpness_aware_minimisation_is_that_before_the_weights_move(kind, base):
    with quiet() as monitor:
        losses = train(monitor, base=base, **kind)
        assert given(monitor, "loss") == pytest.approx(losses, rel=1e-6)
        assert monitor.rows()["samples"].tolist() == [8 * kind.get("micro", 1)] * 3
        assert given(monitor, "learning_rate") == [0.1] * 3
        assert errors(monitor) == {}


def test_that_a_loss_was_computed_at_moved_weights_is_said_once(caplog):
    with quiet() as monitor:
        train(monitor)
    assert caplog.text.count("moved the weights between two calls of backward") == 1


def test_a_loss_after_an_update_of_an_optimizer_that_is_not_watched_counts():
    net, criterion = model(), nn.CrossEntropyLoss()
    inner, outer = (torch.optim.SGD(net.parameters(), lr=0.1) for _ in range(2))
    losses = []
    with quiet() as monitor:
        with watch(monitor, net, outer, criterion):
            for x, y in batches(3):
                for optimizer in (inner, outer):
                    optimizer.zero_grad()
                    loss = criterion(net(x), y)
                    loss.backward()
                    optimizer.step()
                losses.append(loss.item())
        assert given(monitor, "loss") == losses


def test_micro_batches_count_though_an_embedding_writes_to_its_weights(caplog):
    embedding = nn.Embedding(4, 4, max_norm=0.5)
    net, criterion = nn.Sequential(embedding, nn.Flatten(), nn.Linear(16, 3)), nn.CrossEntropyLoss()
    optimizer, losses = torch.optim.SGD(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for _, y in batches(4):
                before = embedding.weight._version
                loss = criterion(net(torch.randint(4, (8, 4))), y) / 4
                assert embedding.weight._version > before
                loss.backward()
                losses.append(loss.item())
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([sum(losses)], rel=1e-6)
    assert caplog.text == ""


def test_a_loss_at_moved_weights_on_a_device_waits_for_nothing():
    weights = torch.randn(4, 3).to(DEVICE).requires_grad_()
    criterion, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD([weights], lr=0.1, foreach=False)
    ((x, y),) = batches(1)
    x, y = x.to(DEVICE), y.to(DEVICE)
    with quiet() as monitor:
        with watch(monitor, nn.Identity(), optimizer, criterion), Waits() as waits:
            loss = criterion(x.mm(weights), y)
            loss.backward()
            moved = weights.grad
            with torch.no_grad():
                weights.add_(moved)
            optimizer.zero_grad()
            criterion(x.mm(weights), y).backward()
            with torch.no_grad():
                weights.sub_(moved)
            optimizer.step()
        assert waits.seen == []
        assert given(monitor, "loss") == pytest.approx([loss.item()], rel=1e-6)


def returned(optimizer, was):
    """The loop returns to earlier weights, in place."""
    with torch.no_grad():
        for one, before in zip(optimizer.param_groups[0]["params"], was, strict=True):
            one.copy_(before)


def test_the_loss_of_a_batch_after_which_the_loop_returns_to_earlier_weights_is_no_part_of_the_next_step(
    caplog,
):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, losses = torch.optim.SGD(net.parameters(), lr=0.1), []
    was = [one.detach().clone() for one in net.parameters()]
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for at, (x, y) in enumerate(batches(7)):
                optimizer.zero_grad()
                loss = criterion(net(x), y)
                loss.backward()
                if at in {1, 3, 4}:
                    returned(optimizer, was)
                    continue
                optimizer.step()
                losses.append(loss.item())
        assert given(monitor, "loss") == losses
        assert monitor.rows()["samples"].tolist() == [8] * 4
    assert caplog.text == ""


def test_a_player_whose_weights_are_clamped_before_its_pass_has_its_loss(caplog):
    generator, critic = nn.Linear(2, 4), nn.Linear(4, 1)
    players = {
        "critic": torch.optim.SGD(critic.parameters(), lr=0.1),
        "generator": torch.optim.SGD(generator.parameters(), lr=0.1),
    }
    expected = []
    with quiet() as monitor:
        with watch(monitor, [critic, generator], players) as watched:
            for x, _ in batches(3):
                with torch.no_grad():
                    for one in critic.parameters():
                        one.clamp_(-0.1, 0.1)
                critic.zero_grad()
                made = generator(torch.randn(8, 2))
                loss = watched.loss(critic(made.detach()).mean() - critic(x).mean())
                loss.backward()
                players["critic"].step()
                expected.append(loss.item())
                generator.zero_grad()
                watched.loss(-critic(made).mean()).backward()
                players["generator"].step()
        assert given(monitor, "loss_critic") == pytest.approx(expected, rel=1e-6)
    assert caplog.text == ""


def test_micro_batches_count_though_the_loop_evaluates_other_weights_between_them(caplog):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, losses = torch.optim.SGD(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(4):
                loss = criterion(net(x), y)
                (loss / 4).backward()
                losses.append(loss.item())
                was = [one.detach().clone() for one in net.parameters()]
                if len(losses) == 2:
                    returned(optimizer, [one / 2 for one in was])
                    returned(optimizer, was)
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([sum(losses) / 4], rel=1e-6)
    assert caplog.text == ""


def clamped(net):
    """The loop keeps weights within bounds."""
    with torch.no_grad():
        for one in net.parameters():
            one.clamp_(-0.3, 0.3)


@pytest.mark.parametrize("device", ["cpu", DEVICE], ids=["CPU", "device"])
def test_micro_batches_count_though_the_loop_clamps_the_weights_after_each(device, caplog):
    net, criterion = model().to(device), nn.CrossEntropyLoss()
    optimizer, expected = torch.optim.SGD(net.parameters(), lr=0.5, foreach=False), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for _ in range(3):
                losses = []
                for x, y in batches(2):
                    loss = criterion(net(x.to(device)), y.to(device))
                    (loss / 2).backward()
                    losses.append(loss.item())
                    clamped(net)
                optimizer.step()
                optimizer.zero_grad()
                expected.append(sum(losses) / 2)
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)
        assert monitor.rows()["samples"].tolist() == [16] * 3
    assert caplog.text == ""


def test_micro_batches_count_though_all_that_is_trained_is_an_embedding_that_writes_to_its_weights(caplog):
    net, criterion = nn.Embedding(4, 3, max_norm=0.5), nn.CrossEntropyLoss()
    optimizer, expected = torch.optim.SGD(net.parameters(), lr=0.5), []
    inputs = torch.randint(4, (8,))
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for _ in range(3):
                losses = []
                for _, y in batches(2):
                    loss = criterion(net(inputs), y)
                    (loss / 2).backward()
                    losses.append(loss.item())
                with torch.no_grad():
                    net(inputs)  # another write before the update
                optimizer.step()
                optimizer.zero_grad()
                expected.append(sum(losses) / 2)
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)
    assert caplog.text == ""


def moved(net, by, *, seen=True):
    """The loop adds to the weights; ``seen`` by PyTorch, which does not count what goes through ``.data``."""
    with torch.no_grad():
        for one, added in zip(net.parameters(), by, strict=True):
            (one if seen else one.data).add_(added)


def replaced(net, by, **_):
    """The same, each sum in memory of its own."""
    for one, added in zip(net.parameters(), by, strict=True):
        one.data = one.data + added


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("moved", [moved, replaced])
def test_a_move_of_the_weights_that_pytorch_does_not_count_is_seen_on_the_cpu(moved, kind):
    net, criterion = model().to(kind), nn.CrossEntropyLoss()
    optimizer, expected = torch.optim.SGD(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                x = x.to(kind)  # noqa: PLW2901 the model's
                loss = criterion(net(x), y)
                loss.backward()
                expected.append(loss.item())
                by = [one.grad for one in net.parameters()]
                moved(net, by, seen=False)
                optimizer.zero_grad()
                criterion(net(x), y).backward()
                moved(net, [-one for one in by], seen=False)
                optimizer.step()
                optimizer.zero_grad()
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)


def try_each(net, optimizer, criterion, micro, gather):
    """Sharpness-aware minimisation of each micro-batch by itself; their losses at the weights of the step."""
    losses, sums = [], [torch.zeros_like(one) for one in net.parameters()]
    for x, y in micro:
        loss = criterion(net(x), y)
        loss.backward()
        losses.append(loss.item())
        by = [one.grad for one in net.parameters()]
        moved(net, by)
        optimizer.zero_grad()
        criterion(net(x), y).backward()
        moved(net, [-one for one in by])
        for one, total in zip(net.parameters(), sums, strict=True):
            total.add_(one.grad)
        if len(losses) < len(micro):
            optimizer.zero_grad()
    for one, total in zip(net.parameters(), sums, strict=True):
        gather(one, total)
    return losses


def assign(weight, total):
    weight.grad = total


@pytest.mark.parametrize("device", ["cpu", DEVICE], ids=["CPU", "device"])
def test_where_each_micro_batch_is_tried_by_itself_the_mean_of_all_at_the_weights_of_the_step_counts(device):
    net, criterion = model().to(device), nn.CrossEntropyLoss()
    optimizer, expected = torch.optim.SGD(net.parameters(), lr=0.1, foreach=False), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for _ in range(3):
                micro = [(x.to(device), y.to(device)) for x, y in batches(3)]
                expected.append(sum(try_each(net, optimizer, criterion, micro, assign)) / 3)
                optimizer.step()
                optimizer.zero_grad()
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-5)
        assert monitor.rows()["samples"].tolist() == [24] * 3


def test_a_step_has_no_loss_where_tries_of_micro_batches_look_like_steps_that_were_given_up(caplog):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            try_each(net, optimizer, criterion, list(batches(2)), lambda one, total: one.grad.copy_(total))
            optimizer.step()
        assert given(monitor, "loss") == []
    assert "how it weighs them cannot be read" in caplog.text


def test_a_step_that_is_given_up_after_its_trial_is_no_part_of_the_next():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            losses = try_each(net, optimizer, criterion, list(batches(2)), lambda one, total: None)
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx(losses[1:], rel=1e-6)
        assert monitor.rows()["samples"].tolist() == [8]
