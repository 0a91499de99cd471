"""The loss of each step is the one that its gradient came from."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tests.integrations.torch.lazy import DEVICE, Waits
from tests.integrations.torch.loops import batches, errors, given, model, quiet
from traingauge.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError
from traingauge.integrations.torch import watch
from traingauge.integrations.torch.reach import Reach


def accumulated(window, batches_in_all, *, divide=True, watched=None):
    """A loop that accumulates gradients over windows of micro-batches; the losses of its steps, by hand."""
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    found, micro = [], []
    with watch(watched, net, optimizer, criterion):
        for at, (x, y) in enumerate(batches(batches_in_all), start=1):
            loss = criterion(net(x), y)
            micro.append(loss.item())
            (loss / window if divide else loss).backward()
            if at % window == 0 or at == batches_in_all:
                optimizer.step()
                optimizer.zero_grad()
                found.append(sum(micro) / len(micro))
                micro.clear()
    return found


@pytest.mark.parametrize("divide", [True, False])
@pytest.mark.parametrize("window", [1, 2, 7])
def test_the_loss_of_a_step_is_the_mean_of_its_micro_batches(window, divide):
    with quiet() as monitor:
        expected = accumulated(window, 17, divide=divide, watched=monitor)
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)
        assert monitor.rows()["step"].tolist() == list(range(1, len(expected) + 1))
        assert errors(monitor) == {}


def test_every_micro_batch_counts_its_samples_and_its_labels():
    with quiet() as monitor:
        accumulated(7, 14, watched=monitor)
        assert monitor.rows()["samples"].sum() == 14 * 8
        monitor.end_epoch()
        assert "accuracy" in monitor.history


def test_micro_batches_count_as_the_loop_weighs_them():
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with quiet() as monitor:
        losses = []
        with watch(monitor, net, optimizer, criterion):
            for (x, y), weight in zip(batches(2), (0.25, 0.75), strict=True):
                loss = criterion(net(x), y)
                (weight * loss).backward()
                losses.append(weight * loss.item())
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([sum(losses)], rel=1e-6)


def test_losses_of_one_backward_pass_add_up():
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            (x, y), (x2, y2) = batches(2)
            loss = criterion(net(x), y) + 0.4 * criterion(net(x2), y2)
            loss.backward()
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([loss.item()], rel=1e-6)


def test_a_loss_that_the_loop_divides_in_place_counts_as_it_was():
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            losses = []
            for x, y in batches(4):
                loss = criterion(net(x), y)
                losses.append(loss.item())
                loss /= 4
                loss.backward()
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([sum(losses) / 4], rel=1e-6)


def test_a_loss_of_each_sample_counts_as_the_loop_masks_it():
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    criterion = nn.CrossEntropyLoss(reduction="none")
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            ((x, y),) = batches(1)
            mask = torch.tensor([1.0, 0, 1, 0, 0, 1, 0, 0])
            loss = (criterion(net(x), y) * mask).sum() / mask.sum()
            loss.backward()
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([loss.item()], rel=1e-6)


def test_a_loss_that_trains_nothing_is_no_part_of_the_step():
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            (x, y), (x2, y2) = batches(2)
            loss = criterion(net(x), y)
            criterion(net(x2), y2)
            loss.backward()
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([loss.item()], rel=1e-6)


def test_nan_at_a_step_is_recorded_at_that_step():
    net = model()
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for at, (x, y) in enumerate(batches(6), start=1):
                optimizer.zero_grad()
                criterion(net(x * (math.nan if at == 4 else 1)), y).backward()
                if at == 4:
                    for one in net.parameters():
                        one.grad.zero_()
                optimizer.step()
        rows = monitor.rows()
        assert [
            int(step) for step, loss in zip(rows["step"], rows["loss"], strict=True) if math.isnan(loss)
        ] == [4]


def test_a_loss_of_a_function_is_recorded_as_that_of_a_module_is():
    def train(watched, function):
        net = model()
        optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
        with watch(watched, net, optimizer, None if function else criterion) as loop:
            for x, y in batches(5):
                z = net(x)
                loss = loop.loss(nn.functional.cross_entropy(z, y), y, z) if function else criterion(z, y)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()

    losses = []
    for function in (False, True):
        with quiet() as monitor:
            train(monitor, function)
            losses.append(given(monitor, "loss"))
            monitor.end_epoch()
            assert "accuracy" in monitor.history
    assert losses[0] == losses[1]


def test_recomputed_activations_record_nothing_twice():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            ((x, y),) = batches(1)
            loss = torch.utils.checkpoint.checkpoint(lambda: criterion(net(x), y), use_reentrant=False)
            loss.backward()
            optimizer.step()
        assert given(monitor, "loss") == pytest.approx([loss.item()], rel=1e-6)
        assert monitor.rows()["samples"].tolist() == [8]


def stepped(monitor, total, *, criteria=None, steps=1, **settings):
    """Steps of a loop whose ``total(net, x, y)`` calls ``backward`` itself, and gives the loss by hand."""
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    expected = []
    with watch(monitor, net, optimizer, criteria, **settings):
        for x, y in batches(steps):
            expected.append(total(net, x, y))
            optimizer.step()
            optimizer.zero_grad()
    return expected


def test_samples_with_weights_of_both_signs_give_the_loss_of_the_loop():
    criterion = nn.CrossEntropyLoss(reduction="none")

    def total(net, x, y):
        advantage = torch.randn(len(x))
        loss = (criterion(net(x), y) * (advantage - advantage.mean())).mean()
        loss.backward()
        return loss.item()

    with quiet() as monitor:
        expected = stepped(monitor, total, criteria=criterion, steps=5)
        assert given(monitor, "loss") == expected


def test_a_batch_of_which_every_sample_is_masked_has_a_loss_of_zero():
    criterion = nn.CrossEntropyLoss(reduction="none")

    def total(net, x, y):
        mask = torch.zeros(len(x))
        ((criterion(net(x), y) * mask).sum() / mask.sum().clamp(min=1)).backward()

    with quiet() as monitor:
        stepped(monitor, total, criteria=criterion)
        assert given(monitor, "loss") == [0.0]


@pytest.mark.parametrize("device", ["cpu", DEVICE])
@pytest.mark.parametrize("weight", [0.0, 1e-6, 0.1])
def test_a_first_loss_of_any_weight_gives_the_loss_of_the_loop_without_a_wait(weight, device):
    criteria = [nn.CrossEntropyLoss(), nn.CrossEntropyLoss()]
    ((x, y),) = batches(1)
    x, y, weights = x.to(device), y.to(device), torch.randn(4, 3).to(device).requires_grad_()
    optimizer = torch.optim.SGD([weights], lr=0.1, foreach=False)
    with quiet() as monitor:
        with watch(monitor, nn.Identity(), optimizer, criteria), Waits() as waits:
            z = x.mm(weights)
            loss = weight * criteria[0](z, y) + (1 - weight) * criteria[1](-z, y)
            loss.backward()
            optimizer.step()
        assert waits.seen == []
        assert given(monitor, "loss") == pytest.approx([loss.item()], rel=1e-6)
        assert errors(monitor) == {}


def test_a_loss_that_is_no_sum_of_others_is_that_of_the_loop():
    criterion = nn.CrossEntropyLoss()

    def total(net, x, y):
        loss = criterion(net(x), y).sqrt() + 1e-2 * net[0].weight.norm()
        loss.backward()
        return loss.item()

    with quiet() as monitor:
        expected = stepped(monitor, total, criteria=criterion, steps=2)
        assert given(monitor, "loss") == expected


def test_the_gradient_that_backward_is_given_weighs_the_loss():
    criterion = nn.CrossEntropyLoss(reduction="none")

    def total(net, x, y):
        losses, weights = criterion(net(x), y), torch.rand(len(x))
        losses.backward(weights)
        return (losses * weights).sum().item()

    with quiet() as monitor:
        expected = stepped(monitor, total, criteria=criterion)
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("accumulation", [None, "sum"])
def test_the_scale_of_a_scaler_that_watch_was_not_given_is_no_part_of_the_loss(accumulation):
    criterion, scaler = nn.CrossEntropyLoss(), torch.amp.GradScaler("cpu")

    def total(net, x, y):
        losses = [criterion(net(x), y), criterion(net(-x), y)]
        sum(scaler.scale(losses)).backward()
        return sum(losses).item()

    with quiet() as monitor:
        expected = stepped(monitor, total, criteria=criterion, accumulation=accumulation)
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)
    assert torch.amp.GradScaler.scale.__module__ == "torch.amp.grad_scaler"
    assert not hasattr(torch.autograd.backward, "__wrapped__")


def halves(criterion):
    """Two micro-batches, whose weights do not show whether the loop divides them."""

    def total(net, x, y):
        found = []
        for half in (slice(4), slice(4, 8)):
            loss = 0.3 * criterion(net(x[half]), y[half]) + 0.3 * criterion(net(-x[half]), y[half])
            loss.backward()
            found.append(loss.item())
        return sum(found)

    return total


def test_micro_batches_whose_weights_cannot_be_read_have_no_loss_which_is_said_once(caplog):
    criterion = nn.CrossEntropyLoss()
    with quiet() as monitor:
        stepped(monitor, halves(criterion), criteria=criterion, steps=3)
        assert given(monitor, "loss") == []
        assert monitor.rows()["samples"].tolist() == [16] * 3
    assert caplog.text.count("such a step has no loss") == 1


@pytest.mark.parametrize(("accumulation", "factor"), [("sum", 1), ("mean", 0.5)])
def test_the_loop_may_say_how_micro_batches_combine(accumulation, factor, caplog):
    criterion = nn.CrossEntropyLoss()
    with quiet() as monitor:
        expected = stepped(monitor, halves(criterion), criteria=criterion, steps=3, accumulation=accumulation)
        assert given(monitor, "loss") == pytest.approx([factor * one for one in expected], rel=1e-6)
    assert caplog.text == ""


def bare_halves(criterion):
    """Two losses that the loop does not divide: micro-batches, or terms of one loss."""

    def total(net, x, y):
        losses = [criterion(net(x[half]), y[half]) for half in (slice(4), slice(4, 8))]
        for loss in losses:
            loss.backward()
        return sum(losses).item()

    return total


def test_losses_that_the_loop_does_not_divide_are_assumed_to_be_micro_batches_which_is_said_once(caplog):
    criterion = nn.CrossEntropyLoss()
    with quiet() as monitor:
        expected = stepped(monitor, bare_halves(criterion), criteria=criterion, steps=3)
        assert given(monitor, "loss") == pytest.approx([one / 2 for one in expected], rel=1e-6)
    assert caplog.text.count("taken for micro-batches") == caplog.text.count('accumulation="sum"') == 1


@pytest.mark.parametrize(("accumulation", "factor"), [("sum", 1), ("mean", 0.5)])
def test_nothing_is_assumed_where_the_loop_says_how_losses_combine(accumulation, factor, caplog):
    criterion = nn.CrossEntropyLoss()
    with quiet() as monitor:
        expected = stepped(
            monitor, bare_halves(criterion), criteria=criterion, steps=2, accumulation=accumulation
        )
        assert given(monitor, "loss") == pytest.approx([factor * one for one in expected], rel=1e-6)
    assert caplog.text == ""


def test_backward_passes_over_different_losses_are_no_micro_batches(caplog):
    criteria = [nn.CrossEntropyLoss(), nn.MSELoss()]

    def total(net, x, y):
        z = net(x)
        criteria[0](z, y).backward(retain_graph=True)
        criteria[1](z, torch.zeros_like(z)).backward()

    with quiet() as monitor:
        stepped(monitor, total, criteria=criteria)
        assert given(monitor, "loss") == []
    assert "such a step has no loss" in caplog.text


def test_a_loss_whose_gradients_the_loop_drops_is_no_part_of_the_next_step():
    criterion = nn.CrossEntropyLoss()

    def total(net, x, y):
        criterion(net(100 * x), y).backward()
        net.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        return loss.item()

    with quiet() as monitor:
        expected = stepped(monitor, total, criteria=criterion, steps=2)
        assert given(monitor, "loss") == expected
        assert monitor.rows()["samples"].tolist() == [8, 8]


def test_a_loss_whose_gradients_reach_no_weight_is_no_part_of_the_step():
    criterion = nn.CrossEntropyLoss()

    def total(net, x, y):
        x.requires_grad_()
        criterion(net(x), y).backward(inputs=[x])
        loss = criterion(net(x.detach() + 0.1 * x.grad.sign()), y)
        loss.backward(inputs=net.parameters())
        return loss.item()

    with quiet() as monitor:
        expected = stepped(monitor, total, criteria=criterion, steps=2)
        assert given(monitor, "loss") == expected
        assert monitor.rows()["samples"].tolist() == [8, 8]


def test_a_loss_of_an_inner_loop_is_no_part_of_the_step():
    criterion = nn.CrossEntropyLoss()

    def total(net, x, y):
        weight = net[0].weight
        (gradient,) = torch.autograd.grad(criterion(net(x), y), weight, create_graph=True)
        adapted = {"0.weight": weight - 0.1 * gradient}
        loss = criterion(torch.func.functional_call(net, adapted, x), y)
        loss.backward()
        return loss.item()

    with quiet() as monitor:
        expected = stepped(monitor, total, criteria=criterion, steps=2)
        assert given(monitor, "loss") == expected


def test_gradients_that_no_backward_gave_have_no_loss_which_is_said(caplog):
    criterion = nn.CrossEntropyLoss()

    def total(net, x, y):
        parameters = list(net.parameters())
        for one, gradient in zip(
            parameters, torch.autograd.grad(criterion(net(x), y), parameters), strict=True
        ):
            one.grad = gradient

    with quiet() as monitor:
        stepped(monitor, total, criteria=criterion, steps=2)
        assert given(monitor, "loss") == []
        assert monitor.rows()["step"].tolist() == [1, 2]
    assert caplog.text.count("such a step has no loss") == 1


def windowed(watched, windows, backward, **settings):
    """A loop of windows of these lengths, which calls ``backward`` itself; the means of the losses in each, by hand."""
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, found = torch.optim.SGD(net.parameters(), lr=0.1), []
    data = batches(sum(windows))
    with watch(watched, net, optimizer, **settings) as loop:
        for length in windows:
            losses = []
            for _ in range(length):
                x, y = next(data)
                losses.append(criterion(net(x), y))
                backward(loop, losses[-1])
            optimizer.step()
            optimizer.zero_grad()
            found.append(sum(loss.item() for loss in losses) / length)
    return found


def outside(loop, loss):
    (loop.loss(loss) / 4).backward()


def inside(loop, loss):
    loop.loss(loss / 4).backward()


def of_parts(loop, loss):
    loop.loss(0.5 * loss / 4 + 0.5 * loss * 0.25).backward()


@pytest.mark.parametrize("backward", [outside, inside, of_parts])
def test_a_function_may_be_given_a_loss_that_the_loop_has_divided(backward, caplog):
    with quiet() as monitor:
        expected = windowed(monitor, (4, 4, 3), backward)
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)
    assert caplog.text == ""


@pytest.mark.parametrize("backward", [outside, inside])
@pytest.mark.parametrize("windows", [(1, 4, 4), (3, 4, 2), (4, 1, 1), (1, 1), (2, 2)])
def test_every_window_has_its_mean_where_the_loop_says_what_it_divides_by(windows, backward, caplog):
    with quiet() as monitor:
        expected = windowed(monitor, windows, backward, accumulation=4)
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)
    assert caplog.text == ""


def test_a_divisor_that_cannot_be_read_may_be_said(caplog):
    def spread(loop, loss):
        (loop.loss(loss).expand(2) / 8).sum().backward()

    with quiet() as monitor:
        windowed(monitor, (4,), spread)
        assert given(monitor, "loss") == []
    caplog.clear()
    with quiet() as monitor:
        expected = windowed(monitor, (1, 4, 3), spread, accumulation=4)
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)
    assert caplog.text == ""


@pytest.mark.parametrize("backward", [outside, inside])
def test_a_divided_loss_of_one_pass_before_any_whole_window_is_published_as_it_is_which_is_said_once(
    backward, caplog
):
    with quiet() as monitor:
        expected = windowed(monitor, (1, 1, 4, 2), backward)
        assert given(monitor, "loss") == pytest.approx(
            [expected[0] / 4, expected[1] / 4, *expected[2:]], rel=1e-6
        )
    assert caplog.text.count("divided by 4, which is published as it is") == 1
    assert caplog.text.count("accumulation=4") == 1


@pytest.mark.parametrize("backward", [outside, inside, of_parts])
def test_one_pass_after_whole_windows_is_taken_for_a_short_one_which_is_said_once(backward, caplog):
    with quiet() as monitor:
        expected = windowed(monitor, (4, 4, 1, 4, 1), backward)
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)
    assert caplog.text.count("published times 4") == caplog.text.count('accumulation="sum"') == 1


@pytest.mark.parametrize("backward", [outside, inside])
def test_several_steps_of_one_pass_after_whole_windows_have_no_loss_which_is_said_once(backward, caplog):
    with quiet() as monitor:
        expected = windowed(monitor, (4, 1, 1, 1, 4), backward)
        assert given(monitor, "loss") == pytest.approx([*expected[:2], expected[-1]], rel=1e-6)
    assert (
        caplog.text.count(
            "called backward once before an update, on losses divided by 4, so such a step has no"
        )
        == 1
    )


@pytest.mark.parametrize("backward", [outside, inside])
def test_a_short_window_before_any_whole_one_has_no_loss_which_is_said_once(backward, caplog):
    with quiet() as monitor:
        expected = windowed(monitor, (3, 2, 4, 2), backward)
        assert given(monitor, "loss") == pytest.approx(expected[2:], rel=1e-6)
    assert caplog.text.count("on losses divided by 4, so such a step has no loss") == 1


def test_a_weight_of_one_loss_is_no_divisor_of_micro_batches_if_the_loop_says_so(caplog):
    with quiet() as monitor:
        expected = windowed(monitor, (1, 1), outside, accumulation="sum")
        assert given(monitor, "loss") == pytest.approx([one / 4 for one in expected], rel=1e-6)
    assert caplog.text == ""


def test_the_mean_of_two_losses_is_no_division_by_micro_batches(caplog):
    criteria = [nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.1)]

    def total(net, x, y):
        loss = 0.5 * (criteria[0](net(x), y) + criteria[1](net(x), y))
        loss.backward()
        return loss.item()

    with quiet() as monitor:
        expected = stepped(monitor, total, criteria=criteria, steps=2)
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)
    assert caplog.text == ""


def test_a_short_window_of_a_loop_that_cannot_be_read_has_no_loss_either():
    def unreadable(loop, loss):
        (0.3 * loop.loss(loss)).backward()

    with quiet() as monitor:
        windowed(monitor, (4, 1), unreadable)
        assert given(monitor, "loss") == []


@pytest.mark.parametrize("accumulation", [0, -4, 2.5, True, "half", [4]])
def test_what_says_nothing_of_micro_batches_is_refused(accumulation):
    net = model()
    with pytest.raises((InvalidTypeError, UnknownNameError, InvalidArgumentError), match="accumulation"):
        watch("watched", net, torch.optim.SGD(net.parameters()), accumulation=accumulation)


@pytest.mark.parametrize(
    "trained", [slice(2, 3), slice(1, 2)], ids=["the first of the last layer", "one bias"]
)
def test_a_pass_over_weights_in_the_middle_has_its_loss_and_one_over_none_is_left_out(trained):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, expected = torch.optim.SGD(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for at, (x, y) in enumerate(batches(4)):
                if at == 2:
                    net.requires_grad_(False)
                    list(net.parameters())[trained][0].requires_grad_()
                loss = criterion(net(x), y)
                loss.backward()
                attacked = x.clone().requires_grad_()
                kept = [one.requires_grad for one in net.parameters()]
                net.requires_grad_(False)
                criterion(net(attacked), y).backward()
                for one, trains in zip(net.parameters(), kept, strict=True):
                    one.requires_grad_(trains)
                optimizer.step()
                optimizer.zero_grad()
                expected.append(loss.item())
        assert given(monitor, "loss") == expected
        assert monitor.rows()["samples"].tolist() == [8] * 4


def test_a_pass_over_weights_that_checkpointing_hides_counts_once_the_others_are_frozen():
    first, hidden, last = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)
    net, criterion = nn.ModuleList([first, hidden, last]), nn.CrossEntropyLoss()
    optimizer, expected = torch.optim.SGD(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for at, (x, y) in enumerate(batches(4)):
                for layer in (first, last):
                    layer.requires_grad_(at < 2)
                inner = first(x) if at < 2 else first(x).requires_grad_()
                loss = criterion(
                    last(torch.utils.checkpoint.checkpoint(hidden, inner, use_reentrant=True)), y
                )
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                expected.append(loss.item())
        assert given(monitor, "loss") == expected
        assert monitor.rows()["samples"].tolist() == [8] * 4


def test_of_a_deep_model_a_pass_looks_at_few_weights():
    net = nn.Sequential(*[nn.Linear(2, 2) for _ in range(100)])
    reach = Reach([[torch.optim.SGD(net.parameters(), lr=0.1)]], [net])
    assert len(reach.marks()[0]) == 2


def test_of_two_losses_that_one_operation_gave_the_one_that_is_trained_on_counts():
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer) as watched:
            for x, y in batches(2):
                first, second = (watched.loss(one, y) for one in (net(x).square().mean(1)[:2]).unbind())
                second.backward()
                optimizer.step()
                optimizer.zero_grad()
        assert monitor.rows()["samples"].tolist() == [8, 8]
        assert errors(monitor) == {}
    assert first.requires_grad


def test_a_loss_that_is_itself_trained_is_recorded():
    weight = torch.ones((), requires_grad=True)
    net, optimizer = nn.Identity(), torch.optim.SGD([weight], lr=0.25)
    with quiet() as monitor:
        with watch(monitor, net, optimizer) as watched:
            for _ in range(3):
                watched.loss(weight).backward()
                optimizer.step()
                optimizer.zero_grad()
        assert given(monitor, "loss") == [1.0, 0.75, 0.5]
        assert errors(monitor) == {}


@pytest.mark.parametrize("criteria", [(), (nn.CrossEntropyLoss(),)], ids=["none", "another"])
def test_that_nothing_watched_computes_the_loss_is_said_once(criteria, caplog):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor, watch(monitor, net, optimizer, criteria or None):
        for x, y in batches(3):
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
    assert caplog.text.count("no criterion that is watched computed a loss before an update, so") == 1
