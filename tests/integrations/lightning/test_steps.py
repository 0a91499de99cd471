"""A step of a trainer is an update, with the loss that training_step returned and what the optimizer used."""

from __future__ import annotations

import copy
import math
import pickle

import lightning.pytorch as pl
import pytest
import pytorch_lightning
import torch
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from lightning.pytorch.plugins import MixedPrecision
from torch import nn

from tests.integrations.lightning.modules import Classifier, data, quiet, trainer
from tests.integrations.torch.lazy import DEVICE, Waits
from tests.integrations.torch.loops import errors, given
from traingauge import Scoring
from traingauge.errors import InvalidTypeError
from traingauge.integrations.lightning import MonitorCallback


def means(losses, *windows):
    """Of losses in windows of these sizes, one after the other."""
    ends = [sum(windows[: at + 1]) for at in range(len(windows))]
    return [sum(losses[end - size : end]) / size for end, size in zip(ends, windows, strict=True)]


class Scheduled(Classifier):
    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


@pytest.mark.parametrize(("window", "windows"), [(1, [1] * 10), (2, [2] * 5), (7, [7, 3])])
def test_the_loss_of_a_step_is_the_mean_of_its_batches_and_the_rate_the_one_that_was_used(window, windows):
    module = Scheduled(rate=1.0)
    with quiet() as monitor:
        trainer(MonitorCallback(monitor), accumulate_grad_batches=window).fit(module, data(10))
        rows = monitor.rows()
        assert given(monitor, "loss") == pytest.approx(means(module.losses, *windows), rel=1e-6)
        assert given(monitor, "learning_rate") == [0.5**at for at in range(len(windows))]
        assert rows["step"].tolist() == list(range(1, len(windows) + 1))
        assert rows["samples"].tolist() == [8 * size for size in windows]
        assert errors(monitor) == {}


def test_a_window_that_changes_by_epoch_is_followed():
    module = Classifier()
    with quiet() as monitor:
        schedule = GradientAccumulationScheduler({0: 1, 1: 2})
        trainer(MonitorCallback(monitor), schedule, max_epochs=2).fit(module, data(4))
        assert given(monitor, "loss") == pytest.approx(means(module.losses, 1, 1, 1, 1, 2, 2), rel=1e-6)


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_the_norm_of_the_gradients_is_that_before_clipping(algorithm):
    norms = []

    class Measured(Classifier):
        def on_after_backward(self):
            norms.append(math.sqrt(sum(float((one.grad**2).sum()) for one in self.parameters())))

    with quiet() as monitor:
        watching = MonitorCallback(monitor, gradient_norm=True)
        trainer(watching, gradient_clip_val=1e-3, gradient_clip_algorithm=algorithm).fit(Measured(), data())
        assert given(monitor, "gradient_norm") == pytest.approx(norms, rel=1e-6)


def test_no_norm_is_computed_unless_it_is_asked_for():
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).fit(Classifier(), data())
        assert "gradient_norm" not in monitor.rows()


def test_an_update_that_a_scaler_skips_is_no_step_and_the_scale_no_part_of_a_loss():
    class Overflowing(Classifier):
        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            return loss * math.inf if batch_idx == 1 else loss

    module = Overflowing()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    with quiet() as monitor:
        scaled = MixedPrecision("16-mixed", "cpu", scaler=scaler)
        watching = MonitorCallback(monitor, gradient_norm=True)
        trainer(watching, plugins=[scaled]).fit(module, data(4))
        losses = given(monitor, "loss")
        assert losses == pytest.approx([module.losses[0], math.inf, *module.losses[2:]], rel=1e-3)
        assert given(monitor, "skipped_steps") == [1.0]
        assert monitor.rows()["step"].tolist()[-1] == 3
        assert all(norm < 10 for norm in given(monitor, "gradient_norm"))
        assert errors(monitor) == {}


def test_of_a_closure_the_first_loss_counts_however_often_the_optimizer_asks():
    class Searching(Classifier):
        def configure_optimizers(self):
            return torch.optim.LBFGS(self.parameters(), max_iter=5)

    module = Searching()
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).fit(module, data(1))
        assert len(module.losses) > 1
        assert given(monitor, "loss") == pytest.approx(module.losses[:1], rel=1e-6)


def test_a_batch_without_a_loss_gives_a_step_without_one():
    class Choosy(Classifier):
        def training_step(self, batch, batch_idx):
            return None if batch_idx == 1 else super().training_step(batch, batch_idx)

    module = Choosy()
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).fit(module, data(3))
        assert monitor.rows()["step"].tolist() == [1, 2, 3]
        assert given(monitor, "loss") == pytest.approx(module.losses, rel=1e-6)


class Manual(Classifier):
    """Accumulates two batches by hand, and returns their undivided losses."""

    returns = True

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.manual_backward(loss / 2)
        if batch_idx % 2:
            self.optimizers().step()
            self.optimizers().zero_grad()
        return loss if self.returns else None


def test_in_manual_optimization_the_loss_is_what_the_step_returned():
    module = Manual()
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).fit(module, data(4))
        assert given(monitor, "loss") == pytest.approx(means(module.losses, 2, 2), rel=1e-6)
        assert monitor.rows()["samples"].tolist() == [16, 16]


def test_a_manual_step_that_returns_no_loss_has_none_which_is_said_once(caplog):
    module = Manual()
    module.returns = False
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).fit(module, data(4))
        assert monitor.rows()["step"].tolist() == [1, 2]
        assert given(monitor, "learning_rate") == [0.1, 0.1]
    assert caplog.text.count("training_step returned no loss") == 1


def test_of_several_optimizers_the_last_completes_a_step():
    class Two(Classifier):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False

        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            self.manual_backward(loss)
            first, last = self.optimizers()
            first.step()
            for _ in range(2):
                last.step()
            return {"loss": loss}

        def configure_optimizers(self):
            layers = self.net[0], self.net[2]
            return [
                torch.optim.SGD(one.parameters(), lr=rate)
                for one, rate in zip(layers, (0.1, 0.2), strict=True)
            ]

    module = Two()
    with quiet() as monitor:
        trainer(MonitorCallback(monitor)).fit(module, data(3))
        assert monitor.rows()["step"].tolist() == [2, 4, 6]
        assert given(monitor, "loss") == pytest.approx(module.losses, rel=1e-6)
        assert given(monitor, "learning_rate") == [0.2] * 3


def test_labels_and_predictions_that_a_step_returns_are_scored():
    class Telling(Classifier):
        def training_step(self, batch, batch_idx):
            logits = self.net(batch[0])
            loss = nn.functional.cross_entropy(logits, batch[1])
            return {"loss": loss, "y_true": batch[1], "y_pred": logits}

        validation_step = training_step

    module = Telling(rate=0.0)
    x, y = data(1).dataset.tensors
    expected = float((module.net(x).argmax(1) == y).float().mean())
    scoring = Scoring(task="multiclass", classes=3, from_logits=True)
    with quiet(scoring=scoring) as monitor:
        trainer(MonitorCallback(monitor), accumulate_grad_batches=4).fit(module, data(1), data(1))
        assert monitor.history["accuracy"] == pytest.approx([expected])
        assert monitor.history["val_accuracy"] == pytest.approx([expected])
        assert errors(monitor) == {}


def test_what_is_logged_is_a_scalar_as_often_as_loggers_get_it():
    class Logging(Classifier):
        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            self.log_dict({"train/place": float(batch_idx), "accuracy": 95.0, "loss": -1.0})
            return loss

        def validation_step(self, batch, batch_idx):
            self.log("val_error", 0.25)
            return self.loss(batch)

    module = Logging()
    with quiet() as monitor:
        trainer(MonitorCallback(monitor), log_every_n_steps=2).fit(module, data(4), data(1))
        assert given(monitor, "train_place") == [1.0, 3.0]
        assert given(monitor, "logged_accuracy") == [95.0, 95.0]
        assert given(monitor, "logged_loss") == [-1.0, -1.0]
        assert given(monitor, "loss") == pytest.approx(module.losses, rel=1e-6)
        assert given(monitor, "val_error", "validation") == [0.25]
        assert "train_place" not in monitor.rows("validation")
        assert errors(monitor) == {}


@pytest.mark.parametrize("passes", [(), (data(1),)])
def test_what_is_logged_of_an_epoch_is_a_scalar_of_its_last_step(passes):
    class Logging(Classifier):
        def training_step(self, batch, batch_idx):
            self.log("mean", float(batch_idx), on_step=False, on_epoch=True)
            self.log("both", float(batch_idx), on_step=True, on_epoch=True)
            self.log("place", float(batch_idx))
            return super().training_step(batch, batch_idx)

        def on_train_epoch_end(self):
            self.log("epoch", float(self.current_epoch))

        def validation_step(self, batch, batch_idx):
            self.log("val_error", 0.25)

    with quiet() as monitor:
        trainer(MonitorCallback(monitor), max_epochs=2, log_every_n_steps=3).fit(Logging(), data(4), *passes)
        rows = monitor.rows()
        steps = {name: rows["step"][~rows[name].mask].tolist() for name in rows}
        assert [steps[name] for name in ("mean", "both_epoch", "epoch")] == [[4, 8]] * 3
        assert given(monitor, "mean") == given(monitor, "both_epoch") == [1.5, 1.5]
        assert given(monitor, "epoch") == [0, 1]
        assert steps["both"] == steps["place"] == [3, 6]
        assert given(monitor, "both") == given(monitor, "place") == [2, 1]
        assert "val_error" not in rows
        assert errors(monitor) == {}


def test_a_step_waits_for_no_device():
    seen = []

    class Counting(MonitorCallback):
        def on_train_batch_end(self, *args):
            with Waits() as waits:
                super().on_train_batch_end(*args)
            seen.append(waits.seen)

        def on_before_optimizer_step(self, *args):
            with Waits() as waits:
                super().on_before_optimizer_step(*args)
            seen.append(waits.seen)

    class Elsewhere(Classifier):
        def training_step(self, batch, batch_idx):
            loss = self.loss(batch)
            self.losses.append(loss.item())
            return loss.to(DEVICE)

    module = Elsewhere()
    with quiet() as monitor:
        trainer(Counting(monitor, gradient_norm=True)).fit(module, data(4))
        assert seen == [[]] * 8
        assert given(monitor, "loss") == pytest.approx(module.losses, rel=1e-6)


def test_an_error_inside_monitoring_is_counted_and_leaves_the_weights_as_they_would_be(monkeypatch):
    plain, watched = Classifier(), Classifier()
    trainer().fit(plain, data())
    with quiet() as monitor:
        monkeypatch.setattr("traingauge.integrations.lightning.outputs.samples_of", lambda batch: 1 / 0)
        trainer(MonitorCallback(monitor, gradient_norm=True)).fit(watched, data())
        assert errors(monitor)
    assert all(map(torch.equal, plain.parameters(), watched.parameters()))


def test_the_trainer_of_the_other_package_is_recorded_too():
    class Other(pytorch_lightning.LightningModule):
        training_step = Classifier.training_step
        loss = Classifier.loss
        configure_optimizers = Classifier.configure_optimizers

        def __init__(self):
            super().__init__()
            self.net, self.rate, self.losses = nn.Linear(4, 3), 0.1, []

    module = Other()
    with quiet() as monitor:
        trainer(MonitorCallback(monitor), kind=pytorch_lightning.Trainer).fit(module, data())
        assert given(monitor, "loss") == pytest.approx(module.losses, rel=1e-6)
    assert issubclass(MonitorCallback, pl.Callback)


def test_a_copy_of_the_callback_has_its_settings_and_checkpoints_hold_nothing_of_it():
    watching = MonitorCallback("copied", gradient_norm=True)
    for made in (copy.deepcopy(watching), pickle.loads(pickle.dumps(watching))):
        assert made._runs.given == "copied"
        assert made._gradient_norm
    assert watching.state_dict() == {}


def test_what_is_no_monitor_is_refused():
    with pytest.raises(InvalidTypeError):
        MonitorCallback(3)
