"""Which backward passes, norms and updates are those of the loop."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from tests.integrations.torch.loops import batches, errors, given, model, quiet
from traingauge.integrations.torch import watch


class Fragile(torch.autograd.Function):
    """Passes everything on, unless it is broken."""

    broken = False

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        if Fragile.broken:
            raise MemoryError("the device is full")
        return gradient


@pytest.fixture
def broken(monkeypatch):
    return lambda is_broken: monkeypatch.setattr(Fragile, "broken", is_broken)


def elsewhere(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_pass_that_begins_in_another_thread_meanwhile_is_no_part_of_the_step():
    net, criterion, other = model(), nn.CrossEntropyLoss(), model(1)
    optimizer, expected = torch.optim.SGD(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                loss = criterion(net(x), y)
                total = loss * 1
                total.register_hook(lambda _, x=x: elsewhere(lambda: other(x).sum().backward()))
                total.backward()
                optimizer.step()
                optimizer.zero_grad()
                expected.append(loss.item())
        assert given(monitor, "loss") == expected
        assert errors(monitor) == {}


def test_a_norm_that_another_thread_clips_by_is_none_of_the_step():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(2):
                criterion(net(x), y).backward()
                elsewhere(lambda: nn.utils.clip_grad_norm_(net.parameters(), 1.0))
                optimizer.step()
        assert "gradient_norm" not in monitor.rows()
        assert errors(monitor) == {}


def test_an_update_in_another_thread_leaves_the_step_of_the_loop_as_it_is():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, other = (torch.optim.SGD(net.parameters(), lr=lr) for lr in (0.1, 0.0))
    expected = []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(2):
                optimizer.zero_grad()
                loss = criterion(net(x), y)
                loss.backward()
                moves = [0.1 * one.grad for one in net.parameters()]
                elsewhere(other.step)
                with torch.no_grad():
                    for one, move in zip(net.parameters(), moves, strict=True):
                        one.add_(move)
                optimizer.zero_grad()
                criterion(net(x), y).backward()
                with torch.no_grad():
                    for one, move in zip(net.parameters(), moves, strict=True):
                        one.sub_(move)
                optimizer.step()
                expected.append(loss.item())
        assert given(monitor, "loss") == expected


@pytest.mark.parametrize("to_none", [True, False], ids=["to None", "to zeros"])
def test_the_loss_of_a_pass_that_fails_is_no_part_of_the_next_step(to_none, broken):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, expected = torch.optim.SGD(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for at, (x, y) in enumerate(batches(3)):
                optimizer.zero_grad(set_to_none=to_none)
                loss = criterion(net[2](Fragile.apply(net[:2](x))), y)
                broken(at == 1)
                try:
                    loss.backward()
                except MemoryError:
                    continue
                optimizer.step()
                expected.append(loss.item())
        assert given(monitor, "loss") == expected
        assert monitor.rows()["samples"].tolist() == [8, 8]


def test_a_pass_over_a_graph_that_is_freed_is_no_error_of_monitoring():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, expected = torch.optim.SGD(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(2):
                loss = criterion(net(x), y) * torch.tensor(1.0)
                loss.backward()
                with pytest.raises(RuntimeError, match="a second time"):
                    loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                expected.append(loss.item())
        assert given(monitor, "loss") == expected
        assert errors(monitor) == {}


def test_a_pass_that_is_tried_again_after_it_failed_counts_once(broken, caplog):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, expected = torch.optim.SGD(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(2):
                loss = criterion(net[2](Fragile.apply(net[:2](x))), y)
                broken(True)
                with pytest.raises(MemoryError):
                    loss.backward(retain_graph=True)
                broken(False)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                expected.append(loss.item())
        assert given(monitor, "loss") == expected
    assert "times before an update" not in caplog.text


def test_gradients_that_the_loop_computes_after_a_pass_that_failed_are_no_pass(broken):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, expected = torch.optim.SGD(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(2):
                broken(True)
                with pytest.raises(MemoryError):
                    Fragile.apply(criterion(net(x), y)).backward()
                torch.autograd.grad(criterion(net(x), y), list(net.parameters()))
                loss = criterion(net(x), y)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                expected.append(loss.item())
        assert given(monitor, "loss") == expected
        assert monitor.rows()["samples"].tolist() == [8, 8]
