"""Each process of a distributed training records what it trained on itself."""

from __future__ import annotations

import multiprocessing
import pickle
import socket
from contextlib import ExitStack
from datetime import timedelta

import pytest
import torch
from torch import distributed, nn

from tests.integrations.torch.loops import batches, errors, given, model
from traingauge import ModelMonitor
from traingauge.integrations.torch import ranks, watch
from traingauge.process.runs import live_runs

RANKS, STEPS, MICRO = 2, 3, 2


def train(watched, rank, **settings):
    """A loop that accumulates on several processes; the means of the losses of this one, by hand."""
    net = nn.parallel.DistributedDataParallel(model())
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    losses, micro = [], []
    with watch(watched, net, optimizer, criterion, **settings):
        opened = "by name" in {run.name[0] for run in live_runs}
        for at, (x, y) in enumerate(batches(STEPS * MICRO, seed=rank), start=1):
            with ExitStack() as stack:
                if at % MICRO:
                    stack.enter_context(net.no_sync())
                loss = criterion(net(x), y)
                micro.append(loss.item())
                (loss / MICRO).backward()
            if at % MICRO == 0:
                optimizer.step()
                optimizer.zero_grad()
                losses.append(sum(micro) / MICRO)
                micro.clear()
    return losses, opened


def record(rank, port, folder):
    """What a process records; it leaves that in a file."""
    torch.set_num_threads(1)
    at = f"tcp://127.0.0.1:{port}"
    distributed.init_process_group("gloo", at, timedelta(seconds=60), world_size=RANKS, rank=rank)
    try:
        _, opened = train("by name", rank)
        with ModelMonitor("ranks", delivery=[]) as monitor:
            losses, _ = train(monitor, rank, gradient_norm=True)
            found = {
                "opened by name": opened,
                "expected": losses,
                "losses": given(monitor, "loss"),
                "norms": given(monitor, "gradient_norm"),
                "errors": errors(monitor),
                "rank": monitor.session.model_info.facts["Rank"],
            }
    finally:
        distributed.destroy_process_group()
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(found))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    other = multiprocessing.get_context("spawn").Process(target=record, args=(1, port, folder))
    other.start()
    try:
        record(0, port, folder)
        other.join(60)
    finally:
        other.kill()
    return [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(RANKS)]


def test_each_rank_records_the_losses_of_its_own_batches(recorded):
    assert recorded[0]["expected"] != recorded[1]["expected"]
    for found in recorded:
        assert found["losses"] == pytest.approx(found["expected"], rel=1e-6)
        assert found["errors"] == {}


def test_every_rank_has_the_norm_of_the_gradients_that_all_have(recorded):
    assert len(recorded[0]["norms"]) == STEPS
    assert recorded[0]["norms"] == recorded[1]["norms"]


def test_a_run_for_a_name_is_opened_in_rank_0_alone(recorded):
    assert [found["opened by name"] for found in recorded] == [True, False]


def test_a_run_says_of_which_rank_it_is(recorded):
    assert [found["rank"] for found in recorded] == ["0 of 2", "1 of 2"]


def launch(monkeypatch, rank, of="2", address="127.0.0.1"):
    """What ``torchrun`` sets."""
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", of)
    monkeypatch.setenv("MASTER_ADDR", address)


@pytest.mark.parametrize(("rank", "opens"), [("0", True), ("1", False)])
def test_a_run_for_a_name_is_opened_in_rank_0_alone_though_the_processes_meet_later(
    rank, opens, monkeypatch, tmp_path
):
    launch(monkeypatch, rank)
    monkeypatch.setenv("TRAINGAUGE_DISCOVERY_DIR", str(tmp_path))
    monkeypatch.setenv("TRAINGAUGE_LINGER_SECONDS", "0")
    net = model()
    with watch("met later", net, torch.optim.SGD(net.parameters(), lr=0.1)):
        assert ("met later" in {run.name[0] for run in live_runs}) is opens
    assert ranks.of_all() == f"{rank} of 2"


@pytest.mark.parametrize(("rank", "of"), [("2", "2"), ("-1", "2"), ("first", "2"), ("1", ""), ("1", "0")])
def test_a_process_trains_alone_where_variables_give_it_no_place(rank, of, monkeypatch):
    launch(monkeypatch, rank, of)
    assert ranks.rank() == 0
    assert ranks.of_all() == ""


def test_a_rank_without_an_address_to_meet_at_is_another_programs(monkeypatch):
    launch(monkeypatch, "1")
    monkeypatch.delenv("MASTER_ADDR")
    assert ranks.rank() == 0
