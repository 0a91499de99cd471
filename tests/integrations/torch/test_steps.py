"""A step is an update of the weights, with what the optimizer used."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
import torch
from torch import nn

from tests.integrations.torch.loops import batches, errors, given, model, quiet
from traingauge.integrations.torch import watch
from traingauge.integrations.torch.clipping import AllGradients


def test_the_learning_rate_is_the_one_that_the_optimizer_used_and_not_the_next():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                criterion(net(x), y).backward()
                optimizer.step()
                schedule.step()
        assert given(monitor, "learning_rate") == [1.0, 0.5, 0.25]


def test_a_learning_rate_that_is_a_tensor_counts_as_it_was():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=torch.tensor(0.5))
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(2):
                criterion(net(x), y).backward()
                optimizer.step()
                optimizer.param_groups[0]["lr"].mul_(0.5)
        assert given(monitor, "learning_rate") == [0.5, 0.25]


@pytest.mark.parametrize("gradient_norm", [False, True])
def test_the_norm_of_the_gradients_is_that_before_clipping(gradient_norm):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    norms = []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion, gradient_norm=gradient_norm):
            for x, y in batches(3):
                optimizer.zero_grad()
                criterion(net(x), y).backward()
                norms.append(nn.utils.clip_grad_norm_(net.parameters(), 1e-3).item())
                optimizer.step()
        assert given(monitor, "gradient_norm") == norms


def clipped(monitor, chosen):
    """The norm of the weights that are chosen, by which the loop clips them in its one step."""
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with watch(monitor, net, optimizer, criterion):
        ((x, y),) = batches(1)
        criterion(net(x), y).backward()
        norm = nn.utils.clip_grad_norm_(chosen(net), 1.0).item()
        optimizer.step()
    return norm


def test_clipping_a_part_of_the_gradients_gives_no_norm_of_all():
    with quiet() as monitor:
        clipped(monitor, lambda net: net[0].parameters())
        assert "gradient_norm" not in monitor.rows()


def test_clipping_all_gradients_in_another_order_gives_their_norm():
    with quiet() as monitor:
        norm = clipped(monitor, lambda net: list(net.parameters())[::-1])
        assert given(monitor, "gradient_norm") == [norm]


def test_clipping_as_many_other_gradients_gives_no_norm():
    net, other, criterion = model(), model(1), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    first, *_, last = net.parameters()
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            ((x, y),) = batches(1)
            criterion(net(x) + other(x), y).backward()
            nn.utils.clip_grad_norm_([first, *list(other.parameters())[1:-1], last], 1.0)
            optimizer.step()
        assert "gradient_norm" not in monitor.rows()


def test_a_norm_that_cannot_be_read_does_not_reach_the_loop(monkeypatch):
    monkeypatch.setattr(AllGradients, "are", lambda *_: 1 / 0)
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            ((x, y),) = batches(1)
            criterion(net(x), y).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        assert len(given(monitor, "loss")) == 1
        assert errors(monitor) == {"integration": 1}


def test_without_clipping_the_norm_is_computed_if_asked_for():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion, gradient_norm=True):
            ((x, y),) = batches(1)
            criterion(net(x), y).backward()
            expected = math.sqrt(sum(float((one.grad**2).sum()) for one in net.parameters()))
            optimizer.step()
        assert given(monitor, "gradient_norm") == pytest.approx([expected], rel=1e-6)


def test_an_update_that_a_scaler_skips_is_no_step_and_is_counted_apart():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion, scaler=scaler):
            for at, (x, y) in enumerate(batches(4), start=1):
                optimizer.zero_grad()
                loss = criterion(net(x * (math.nan if at == 2 else 1)), y)
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
        assert given(monitor, "skipped_steps") == [1.0]
        assert monitor.rows()["step"].tolist()[-1] == 3
        assert [math.isnan(loss) for loss in given(monitor, "loss")] == [False, True, False, False]
        assert errors(monitor) == {}


@pytest.mark.parametrize("window", [1, 4])
def test_the_scale_of_a_loss_is_no_part_of_it(window):
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    expected, micro = [], []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion, scaler=scaler):
            for at, (x, y) in enumerate(batches(8), start=1):
                loss = criterion(net(x), y)
                micro.append(loss.item())
                scaler.scale(loss / window).backward()
                if at % window == 0:
                    scaler.step(optimizer)
                    scaler.update()
                    optimizer.zero_grad()
                    expected.append(sum(micro) / window)
                    micro.clear()
        assert given(monitor, "loss") == pytest.approx(expected, rel=1e-6)


def test_of_a_closure_the_first_loss_counts_however_often_the_optimizer_asks():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=5)
    returned, asked = [], 0
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion, gradient_norm=True):
            for x, y in batches(3):

                def closure(x=x, y=y):
                    nonlocal asked
                    asked += 1
                    optimizer.zero_grad()
                    loss = criterion(net(x), y)
                    loss.backward()
                    return loss

                returned.append(optimizer.step(closure).item())
        assert asked > 3
        assert given(monitor, "loss") == returned
        assert len(given(monitor, "gradient_norm")) == 3
        assert monitor.rows()["samples"].tolist() == [8, 8, 8]


def test_a_closure_that_repeats_the_loss_of_the_loop_adds_nothing():
    class SharpnessAware(torch.optim.SGD):
        def step(self, closure):
            with torch.enable_grad():
                closure()
            return super().step()

    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = SharpnessAware(net.parameters(), lr=0.1)
    losses = []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                loss = criterion(net(x), y)
                losses.append(loss.item())
                loss.backward()
                optimizer.step(lambda x=x, y=y: (2 * criterion(net(x), y)).backward())
                optimizer.zero_grad()
        assert given(monitor, "loss") == losses


def test_optimizers_that_share_a_loss_take_one_step_together():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizers = [torch.optim.SGD(net[0].parameters(), lr=0.1), torch.optim.SGD(net[2].parameters(), lr=0.2)]
    losses, norms = [], []
    with quiet() as monitor:
        with watch(monitor, net, optimizers, criterion):
            for x, y in batches(3):
                loss = criterion(net(x), y)
                losses.append(loss.item())
                loss.backward()
                norms.append(nn.utils.clip_grad_norm_(net.parameters(), 1.0).item())
                for optimizer in optimizers:
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=False)
        assert given(monitor, "loss") == losses
        assert given(monitor, "gradient_norm") == norms
        assert monitor.rows()["step"].tolist() == [1, 2, 3]


def game():
    """Two networks, and the optimizer of each by its name."""
    generator, discriminator = nn.Linear(2, 4), nn.Linear(4, 1)
    players = {
        "discriminator": torch.optim.SGD(discriminator.parameters(), lr=0.1),
        "generator": torch.optim.SGD(generator.parameters(), lr=0.2),
    }
    return generator, discriminator, players


def test_each_player_of_a_game_has_a_loss_of_its_own():
    generator, discriminator, players = game()
    criterion, expected = nn.BCEWithLogitsLoss(), {name: [] for name in players}
    with quiet() as monitor:
        with watch(monitor, [discriminator, generator], players, criterion, accumulation="sum"):
            for x, _ in batches(3):
                discriminator.zero_grad()
                real = criterion(discriminator(x), torch.ones(8, 1))
                real.backward()
                made = generator(torch.randn(8, 2))
                fake = criterion(discriminator(made.detach()), torch.zeros(8, 1))
                fake.backward()
                players["discriminator"].step()
                expected["discriminator"].append(real.item() + fake.item())
                generator.zero_grad()
                loss = criterion(discriminator(made), torch.ones(8, 1))
                loss.backward()
                players["generator"].step()
                expected["generator"].append(loss.item())
        for name, losses in expected.items():
            assert given(monitor, f"loss_{name}") == pytest.approx(losses, rel=1e-6)
        assert given(monitor, "loss") == expected["generator"]
        assert given(monitor, "learning_rate") == [0.2] * 3
        assert monitor.rows()["step"].tolist()[-1] == 3
        assert errors(monitor) == {}


def test_a_loss_belongs_to_no_step_of_an_optimizer_whose_weights_it_does_not_reach():
    generator, discriminator, players = game()
    criterion, expected = nn.BCEWithLogitsLoss(), {name: [] for name in players}
    with quiet() as monitor:
        with watch(monitor, [discriminator, generator], players, criterion):
            for at, (x, _) in enumerate(batches(4)):
                made = generator(torch.randn(8, 2))
                discriminator.zero_grad()
                loss = criterion(discriminator(x), torch.ones(8, 1))
                loss = loss + criterion(discriminator(made.detach()), torch.zeros(8, 1))
                loss.backward()
                if at % 2 == 0:  # the discriminator is too strong
                    players["discriminator"].step()
                    expected["discriminator"].append(loss.item())
                generator.zero_grad()
                loss = criterion(discriminator(made), torch.ones(8, 1))
                loss.backward()
                players["generator"].step()
                expected["generator"].append(loss.item())
        for name, losses in expected.items():
            assert given(monitor, f"loss_{name}") == losses
        assert given(monitor, "samples") == [0, 8, 8, 0, 8, 8]
        assert errors(monitor) == {}


@pytest.mark.parametrize("zeroed", ["first", "last"])
def test_a_loss_of_a_model_that_is_not_watched_is_no_part_of_the_step(zeroed):
    net, other, criterion = model(), model(1), nn.CrossEntropyLoss()
    watched = torch.optim.SGD(net.parameters(), lr=0.1)
    optimizers = {other: torch.optim.SGD(other.parameters(), lr=0.1), net: watched}
    losses = []
    with quiet() as monitor:
        with watch(monitor, net, watched, criterion):
            for x, y in batches(3):
                for one, optimizer in optimizers.items():
                    if zeroed == "first":
                        optimizer.zero_grad()
                    loss = criterion(one(x), y)
                    loss.backward()
                    optimizer.step()
                    if zeroed == "last":
                        optimizer.zero_grad()
                losses.append(loss.item())
        assert given(monitor, "loss") == losses
        assert monitor.rows()["samples"].tolist() == [8, 8, 8]


def test_an_optimizer_of_weights_that_the_loop_does_not_train_has_no_loss_which_is_said_once(caplog):
    net, other, criterion = model(), model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                criterion(other(x), y).backward()
                optimizer.step()
        assert given(monitor, "loss") == []
        assert monitor.rows()["step"].tolist() == [1, 2, 3]
    assert caplog.text.count("reached a weight of its optimizer") == 1


def test_a_loss_whose_gradients_the_loop_copies_to_the_weights_of_the_optimizer_is_that_of_the_step():
    net, criterion = model(), nn.CrossEntropyLoss()
    masters = [nn.Parameter(one.detach().double()) for one in net.parameters()]
    optimizer = torch.optim.SGD(masters, lr=0.1)
    losses = []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                net.zero_grad()
                loss = criterion(net(x), y)
                loss.backward()
                losses.append(loss.item())
                for one, master in zip(net.parameters(), masters, strict=True):
                    master.grad = one.grad.double()
                optimizer.step()
        assert given(monitor, "loss") == losses


def test_an_optimizer_whose_step_calls_that_of_its_base_takes_one_step():
    class Mine(torch.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    net, criterion = model(), nn.CrossEntropyLoss()
    torch.optim.SGD(net.parameters(), lr=0.1)  # its step has hooks, too
    optimizer = Mine(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                criterion(net(x), y).backward()
                optimizer.step()
        assert monitor.rows()["step"].tolist() == [1, 2, 3]


def test_an_update_that_replaces_a_failed_one_inside_of_it_is_a_step():
    class Fallback(torch.optim.SGD):
        def __init__(self, parameters):
            super().__init__(parameters, lr=0.1)
            self.first = Full(self.param_groups, lr=0.1)

        def step(self, closure=None):
            try:
                return self.first.step(closure)
            except MemoryError:
                return super().step(closure)

    class Full(torch.optim.SGD):
        def step(self, closure=None):
            raise MemoryError("the device is full")

    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = Fallback(net.parameters())
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                criterion(net(x), y).backward()
                optimizer.step()
                optimizer.zero_grad()
        assert monitor.rows()["step"].tolist() == [1, 2, 3]
        assert len(given(monitor, "learning_rate")) == 3


class Failing(torch.optim.SGD):
    """An optimizer whose first update fails."""

    fails = True

    def step(self, closure=None):
        if self.fails:
            self.fails = False
            raise MemoryError("the device is full")
        return super().step(closure)


def test_an_update_that_fails_is_no_step_and_the_next_one_is():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = Failing(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                criterion(net(x), y).backward()
                with suppress(MemoryError):
                    optimizer.step()
                optimizer.zero_grad()
        assert monitor.rows()["step"].tolist() == [1, 2]


def test_an_update_that_is_tried_again_after_it_failed_is_a_step():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, expected = Failing(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                loss = criterion(net(x), y)
                loss.backward()
                with suppress(MemoryError):
                    optimizer.step()
                    continue
                optimizer.param_groups[0]["lr"] = 0.05
                optimizer.step()
                expected.append(loss.item())
        assert monitor.rows()["step"].tolist() == [1, 2, 3]
        assert given(monitor, "loss")[:1] == expected
        assert given(monitor, "learning_rate") == [0.05] * 3


def test_the_loss_of_a_closure_whose_update_failed_is_none_of_the_next_one():
    class Late(torch.optim.SGD):
        fails = True

        def step(self, closure):
            super().step(closure)
            if self.fails:
                self.fails = False
                raise MemoryError("the device is full")

    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, found = Late(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):

                def closure(x=x, y=y):
                    optimizer.zero_grad()
                    loss = criterion(net(x), y)
                    loss.backward()
                    found.append(loss.item())
                    return loss

                with suppress(MemoryError):
                    optimizer.step(closure)
        assert given(monitor, "loss")[-1] == found[-1]
        assert found[0] not in given(monitor, "loss")


def test_the_norm_of_an_update_that_failed_is_none_of_the_next_one():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer, expected = Failing(net.parameters(), lr=0.1), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion, gradient_norm=True):
            for x, y in batches(3):
                criterion(net(x), y).backward()
                norm = torch.nn.utils.get_total_norm([one.grad for one in net.parameters()]).item()
                with suppress(MemoryError):
                    optimizer.step()
                    expected.append(norm)
                optimizer.zero_grad()
        assert given(monitor, "gradient_norm") == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # of dynamo
@pytest.mark.parametrize("part", ["model", "criterion"])
def test_a_compiled_module_is_recorded_as_any_other(part):
    def losses(compiled):
        torch._dynamo.reset()
        net, criterion = model(), nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        made = {"model": net, "criterion": criterion}
        if compiled:
            made[part] = torch.compile(made[part], backend="eager", fullgraph=True)
        with quiet() as monitor:
            with watch(monitor, made["model"], optimizer, made["criterion"]):
                for x, y in batches(3):
                    made["criterion"](made["model"](x), y).backward()
                    optimizer.step()
            monitor.end_epoch()
            assert "accuracy" in monitor.history
            assert errors(monitor) == {}
            return given(monitor, "loss")

    assert losses(True) == pytest.approx(losses(False), rel=1e-6)


def test_a_criterion_inside_a_compiled_function_does_not_break_it():
    torch._dynamo.reset()
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            compiled = torch.compile(lambda x, y: criterion(net(x), y), backend="eager", fullgraph=True)
            for x, y in batches(3):
                compiled(x, y).backward()
                optimizer.step()
        assert monitor.rows()["step"].tolist() == [1, 2, 3]
        assert errors(monitor) == {}


def test_under_autocast_the_loss_is_that_of_the_loop():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(4):
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    loss = criterion(net(x), y)
                losses.append(loss.item())
                loss.backward()
                optimizer.step()
        assert given(monitor, "loss") == losses
        monitor.end_epoch()
        assert "accuracy" in monitor.history


def test_a_closure_that_accumulates_has_the_mean_of_its_micro_batches_at_the_first_call():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=4)
    data, first = list(batches(9)), []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for at in range(0, 9, 3):
                asked = []

                def closure(at=at, asked=asked):
                    optimizer.zero_grad()
                    losses = [criterion(net(x), y) / 3 for x, y in data[at : at + 3]]
                    for loss in losses:
                        loss.backward()
                    asked.append(sum(losses).item())
                    return sum(losses)

                optimizer.step(closure)
                first.append(asked[0])
        assert given(monitor, "loss") == pytest.approx(first, rel=1e-6)
        assert monitor.rows()["samples"].tolist() == [24, 24, 24]


def test_a_window_that_a_scaler_skips_is_no_part_of_the_next_one():
    net, criterion = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    means, micro = [], []
    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion, scaler=scaler):
            for at, (x, y) in enumerate(batches(9), start=1):
                loss = criterion(net(x), y)
                micro.append(loss.item())
                scaler.scale(loss / 3).backward()
                if at == 4:
                    net[0].weight.grad.fill_(math.inf)
                if at % 3 == 0:
                    scaler.step(optimizer)
                    scaler.update()
                    optimizer.zero_grad(set_to_none=False)
                    means.append(sum(micro) / 3)
                    micro.clear()
        assert given(monitor, "loss") == pytest.approx(means, rel=1e-6)
        assert monitor.rows()["step"].tolist() == [1, 1, 2]
        assert given(monitor, "skipped_steps") == [1.0]


class Holding(torch.optim.SGD):
    """An optimizer that was given what computes the loss before it updates."""

    compute = None

    def step(self):
        with torch.enable_grad():
            self.compute()
        super().step()


def test_an_update_that_computes_its_loss_itself_is_a_step():
    net, criterion = model(), nn.CrossEntropyLoss()
    torch.optim.SGD(net.parameters())  # from now on, the call of its step runs the hooks, too
    optimizer, expected = Holding(net.parameters(), lr=0.1), []

    def compute(x, y):
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        expected.append(loss.item())

    with quiet() as monitor:
        with watch(monitor, net, optimizer, criterion):
            for x, y in batches(3):
                optimizer.compute = lambda x=x, y=y: compute(x, y)
                optimizer.step()
        assert given(monitor, "loss") == expected
        assert monitor.rows()["samples"].tolist() == [8] * 3
        assert errors(monitor) == {}
