"""A pass over evaluation data is published whole, and the sanity check is none."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch.callbacks import GradientAccumulationScheduler, ModelCheckpoint

from tests.integrations.lightning.modules import Classifier, data, quiet, trainer
from tests.integrations.torch.loops import errors, given
from traingauge.integrations.lightning import MonitorCallback


def mean_loss(module, loader):
    """Of all samples at once."""
    with torch.no_grad():
        return module.loss(loader.dataset.tensors).item()


def test_the_sanity_check_is_no_evaluation():
    with quiet() as monitor:
        watching = MonitorCallback(monitor)
        trainer(watching, num_sanity_val_steps=2, check_val_every_n_epoch=2, max_epochs=2).fit(
            Classifier(), data(), data(2)
        )
        assert monitor.rows("validation")["step"].tolist() == [8]


def test_the_loss_of_a_pass_weighs_batches_with_their_samples():
    module, held_out = Classifier(), data(samples=20)
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).fit(module, data(), held_out)
        assert given(monitor, "loss", "validation") == pytest.approx([mean_loss(module, held_out)], rel=1e-6)
        assert given(monitor, "samples", "validation") == [20]
        assert errors(monitor) == {}


def test_validation_inside_an_epoch_parts_no_step():
    module = Classifier()
    with quiet() as monitor:
        trainer(MonitorCallback(monitor), val_check_interval=2).fit(module, data(4), data(1))
        assert given(monitor, "loss") == pytest.approx(module.losses, rel=1e-6)
        assert monitor.rows("validation")["step"].tolist() == [2, 4]


def test_several_loaders_are_one_pass():
    module, first, second = Classifier(), data(2), data(1)
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).fit(module, data(), [first, second])
        losses = [mean_loss(module, first), mean_loss(module, second)]
        expected = (16 * losses[0] + 8 * losses[1]) / 24
        assert given(monitor, "loss", "validation") == pytest.approx([expected], rel=1e-6)


def test_batches_whose_samples_are_unknown_weigh_the_same():
    class Ragged(Classifier):
        def validation_step(self, batch, batch_idx):
            return torch.tensor(float(batch_idx))

    batches = [[torch.zeros(3), torch.zeros(5)], [torch.zeros(8), torch.zeros(8)]]
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).validate(
            Ragged(), torch.utils.data.DataLoader(batches, batch_size=None)
        )
        assert given(monitor, "loss", "validation") == [0.5]


def test_a_validation_step_that_returns_nothing_gives_a_pass_without_a_loss():
    class Silent(Classifier):
        def validation_step(self, batch, batch_idx):
            self.log("val_loss", self.loss(batch))

    module, held_out = Silent(), data(2)
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).validate(module, held_out)
        assert "loss" not in monitor.rows("validation")
        assert given(monitor, "val_loss", "validation") == pytest.approx([mean_loss(module, held_out)])


def test_validate_and_test_outside_of_fit_are_passes_of_their_splits():
    module, held_out = Classifier(), data(2)
    with quiet() as monitor:
        watched = trainer(MonitorCallback(monitor))
        watched.validate(module, held_out)
        watched.test(module, held_out)
        for split in ("validation", "test"):
            assert given(monitor, "loss", split) == pytest.approx([mean_loss(module, held_out)], rel=1e-6)


def test_an_epoch_and_a_checkpoint_are_counted_and_steps_are_planned(tmp_path, published):
    with quiet() as monitor:
        saving = ModelCheckpoint(tmp_path, save_top_k=-1)
        watched = trainer(MonitorCallback(monitor), saving, enable_checkpointing=True, max_epochs=3)
        planned = []

        class Looking(Classifier):
            def on_train_epoch_end(self):
                planned.append(published(monitor)["model_steps_planned"])

        watched.fit(Looking(), data(4))
        assert published(monitor)["model_epochs_total"] == 3
        assert published(monitor)["model_checkpoints_total"] == 3
        assert planned == [12, 12, 12]


def stopped_after(batches):
    class Stopping(Classifier):
        def on_train_batch_end(self, outputs, batch, batch_idx):
            self.trainer.should_stop = batch_idx + 1 == batches

    return Stopping()


@pytest.mark.parametrize(("epochs", "streams"), [(-1, False), (2, True)])
def test_nothing_is_planned_where_the_number_of_steps_is_unknown(epochs, streams, published):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(data(4).dataset)

    loader = torch.utils.data.DataLoader(Stream(), batch_size=8) if streams else data(4)
    with quiet() as monitor:
        trainer(MonitorCallback(monitor), max_epochs=epochs).fit(stopped_after(3), loader)
        assert "model_steps_planned" not in published(monitor)
        assert errors(monitor) == {}


def test_nothing_is_planned_where_windows_change_by_epoch(published):
    windows = GradientAccumulationScheduler({0: 1, 1: 2})
    with quiet() as monitor:
        trainer(MonitorCallback(monitor), windows, max_epochs=2).fit(Classifier(), data(4))
        assert "model_steps_planned" not in published(monitor)


def test_steps_that_a_stopped_trainer_did_not_take_are_no_longer_planned(published):
    with quiet() as monitor:
        trainer(MonitorCallback(monitor), max_epochs=3).fit(stopped_after(1), data(4))
        taken = monitor.rows()["step"].tolist()[-1]
        assert taken < 12
        assert published(monitor)["model_steps_planned"] == taken
