"""A run ends as the trainer does."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from tests.integrations.lightning.modules import Classifier, data, quiet, trainer
from tests.integrations.torch.loops import given
from traingauge import ModelMonitor, State
from traingauge.errors import ClosedError
from traingauge.integrations.lightning import MonitorCallback


@pytest.fixture
def interrupts():
    """Lightning ignores Ctrl-C from the first on."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


class Raising(Classifier):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def training_step(self, batch, batch_idx):
        if batch_idx == 2:
            raise self.error
        return super().training_step(batch, batch_idx)


def test_a_run_of_a_name_ends_with_each_call_of_the_trainer(opened):
    watched, module = trainer(MonitorCallback("digits")), Classifier()
    watched.fit(module, data())
    watched.test(module, data())
    assert [(run.model, run.state) for run in opened] == [("digits", "finished")] * 2
    assert len(given(opened[0], "loss")) == 4


def test_the_run_of_a_monitor_stays_open_and_a_second_fit_counts_on():
    with quiet() as monitor:
        for _ in range(2):
            trainer(MonitorCallback(monitor)).fit(Classifier(), data(3))
            assert monitor.state == "running"
        assert monitor.rows()["step"].tolist() == [1, 2, 3, 4, 5, 6]


def test_the_hooks_of_a_fit_are_removed_with_it():
    module = Classifier()
    optimizers = []
    module.on_train_start = lambda: optimizers.append(module.optimizers().optimizer)
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).fit(module, data())
    assert not optimizers[0]._optimizer_step_pre_hooks
    assert not optimizers[0]._optimizer_step_post_hooks


def test_an_exception_fails_the_run_and_keeps_the_steps_before_it(opened):
    with pytest.raises(ValueError, match="mine"):
        trainer(MonitorCallback("digits")).fit(Raising(ValueError("mine")), data())
    assert [run.state for run in opened] == ["failed"]
    assert len(given(opened[0], "loss")) == 2


@pytest.mark.usefixtures("interrupts")
def test_ctrl_c_interrupts_the_run_though_lightning_exits(opened):
    with pytest.raises(SystemExit):
        trainer(MonitorCallback("digits")).fit(Raising(KeyboardInterrupt()), data())
    assert [run.state for run in opened] == ["interrupted"]


@pytest.mark.usefixtures("interrupts")
def test_ctrl_c_interrupts_the_run_of_a_monitor_that_its_with_ends():
    monitor = quiet()
    with pytest.raises(SystemExit), monitor:
        trainer(MonitorCallback(monitor)).fit(Raising(KeyboardInterrupt()), data())
    assert monitor.state == "interrupted"


def test_a_termination_that_lightning_catches_interrupts_the_run(opened):
    class Terminated(Classifier):
        def training_step(self, batch, batch_idx):
            self.trainer._signal_connector.received_sigterm = True
            return super().training_step(batch, batch_idx)

    with pytest.raises(SystemExit):
        trainer(MonitorCallback("digits")).fit(Terminated(), data())
    assert [run.state for run in opened] == ["interrupted"]


def test_a_monitor_that_has_ended_is_refused():
    with quiet() as monitor:
        pass
    with pytest.raises(ClosedError):
        trainer(MonitorCallback(monitor)).fit(Classifier(), data())


def test_a_name_opens_a_run_in_rank_0_alone(opened):
    for rank in range(2):
        watching = MonitorCallback("digits")
        watching.setup(SimpleNamespace(global_rank=rank), None, "fit")
        watching.teardown(None, None, "fit")
    assert len(opened) == 1


def test_monitoring_that_is_disabled_leaves_training_as_it_is(monkeypatch):
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "1")
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).fit(Classifier(), data(), data())
        assert monitor.rows() == {}


def test_a_fit_that_resumes_from_a_checkpoint_returns_the_run_to_its_step(tmp_path):
    def train(**resumed):
        saving = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=3, save_top_k=-1)
        with ModelMonitor("m", run="r", delivery=[], state=State(tmp_path / "state")) as monitor:
            watched = trainer(MonitorCallback(monitor), saving, enable_checkpointing=True)
            watched.fit(Classifier(), data(5), **resumed)
            return monitor.rows()["step"].tolist()

    assert train() == [1, 2, 3, 4, 5]
    assert train(ckpt_path=tmp_path / "step=3.ckpt") == [1, 2, 3, 4, 5]


def test_a_trainer_without_decoration_is_recorded():
    module = Classifier()
    with quiet() as monitor:
        bare = trainer(MonitorCallback(monitor), barebones=True, max_epochs=1)
        bare.fit(module, data(4))
        assert given(monitor, "loss") == pytest.approx(module.losses, rel=1e-6)
        assert monitor.session.guard.errors == {} or not any(monitor.session.guard.errors.values())
