"""What the callback records of a Trainer, compared with what that computes itself."""

from __future__ import annotations

import logging
import math
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch.utils.data import IterableDataset
from transformers import Trainer, TrainerCallback

import traingauge
from tests.integrations.torch.loops import errors, given, quiet
from tests.integrations.transformers.trainers import (
    CANNOT_LOAD_RANDOM_NUMBERS,
    CLIPS_OR_HAS_NO_NORM,
    LOGGED,
    LOGS_NEXT_RATE,
    PLANS_WHOLE_WINDOWS,
    WINDOWS_CONTINUE,
    Noted,
    as_logged,
    classifier,
    language_model,
    sentences,
    texts,
    trainer,
)
from traingauge import ModelMonitor, State
from traingauge.errors import ClosedError
from traingauge.integrations.transformers import MonitorCallback

#: Where the package is.
PACKAGE = str(Path(traingauge.__file__).parent)


class Counting(Trainer):
    """Notes what the Trainer adds up for its logs."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.micro = []

    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        self.micro.append(loss.item())
        return loss


class Faulty(Trainer):
    """Does something else at one micro-batch."""

    at = 3

    def compute_loss(self, *args, **kwargs):
        self.calls = getattr(self, "calls", 0) + 1
        result = super().compute_loss(*args, **kwargs)
        return self.change(result) if self.calls == self.at else result

    def change(self, loss):
        return loss * float("nan")


# Steps


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize(("model", "data"), [(classifier, sentences), (language_model, texts)])
def test_a_step_has_the_loss_the_rate_and_the_norm_that_the_trainer_logs_for_it(
    tmp_path, model, data, window
):
    noted = Noted()
    with quiet() as monitor:
        trainer(
            tmp_path,
            MonitorCallback(monitor),
            noted,
            model=model(),
            data=data(),
            gradient_accumulation_steps=window,
        ).train()
        losses = as_logged(given(monitor, "loss"), window, by_items=model is language_model)
        assert losses == pytest.approx(noted.of("loss"), **LOGGED)
        rates = [0.01, *noted.of("learning_rate")[:-1]] if LOGS_NEXT_RATE else noted.of("learning_rate")
        assert given(monitor, "learning_rate") == rates
        assert given(monitor, "gradient_norm") == pytest.approx(noted.of("grad_norm"))
        assert monitor.rows()["step"].tolist() == list(range(1, len(noted.of("loss")) + 1))
        shorter = [] if PLANS_WHOLE_WINDOWS else [4]
        assert monitor.rows()["samples"].tolist() == ([4] * 10 if window == 1 else [12, 12, 12, *shorter])
        assert errors(monitor) == {}


@pytest.mark.parametrize(
    "settings",
    [{"logging_steps": 500}, {"label_smoothing_factor": 0.2, "max_grad_norm": 0, "logging_steps": 4}],
)
def test_the_loss_is_that_of_each_step_however_often_and_whatever_the_trainer_logs(tmp_path, settings):
    with quiet() as monitor:
        made = trainer(
            tmp_path, MonitorCallback(monitor), kind=Counting, gradient_accumulation_steps=2, **settings
        )
        made.train()
        sums = [sum(made.micro[at : at + 2]) for at in range(0, 10, 2)]
        assert as_logged(given(monitor, "loss"), 2) == pytest.approx(sums, rel=1e-6)
        norms = given(monitor, "gradient_norm") if "gradient_norm" in monitor.rows() else []
        assert len(norms) == (0 if CLIPS_OR_HAS_NO_NORM and not made.args.max_grad_norm else 5)


def test_a_loss_that_is_not_a_number_is_seen_at_its_step_though_the_log_hides_it(tmp_path):
    noted = Noted()
    with quiet() as monitor:
        trainer(tmp_path, MonitorCallback(monitor), noted, kind=Faulty, max_steps=3).train()
        first, second, third = given(monitor, "loss")
        assert [first, second] == pytest.approx(noted.of("loss")[:2], **LOGGED)
        assert math.isnan(third)
        assert not any(math.isnan(loss) for loss in noted.of("loss"))


def test_an_update_that_mixed_precision_skips_is_counted_apart_and_its_loss_has_no_scale(tmp_path):
    noted = Noted()
    with quiet() as monitor:
        made = trainer(
            tmp_path, MonitorCallback(monitor), noted, kind=Faulty, max_steps=4, optim="adamw_torch"
        )
        made.change = lambda loss: loss * 3e38
        made.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        made.train()
        assert given(monitor, "loss")[:2] == pytest.approx(noted.of("loss")[:2], **LOGGED)
        assert monitor.rows()["step"].tolist() == [1, 2, 3, 4]
        assert given(monitor, "skipped_steps") == [1, 1]
        assert len(given(monitor, "learning_rate")) == 3


def test_a_skipped_update_is_counted_also_in_a_step_that_the_trainer_does_not_announce(tmp_path):
    # An epoch has fewer batches than a window. Then the second step of 4.46 has one batch, and the third is not announced.
    settings = {
        "data": sentences(12),
        "gradient_accumulation_steps": 4,
        "max_steps": 3,
        "optim": "adamw_torch",
    }
    with quiet() as monitor:
        made = trainer(tmp_path, MonitorCallback(monitor), kind=Faulty, **settings)
        made.at, made.change = 6, lambda loss: loss * 3e38
        made.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        made.train()
        skipped = monitor.rows()["learning_rate"].mask.tolist()
        assert skipped == ([False, False, True] if WINDOWS_CONTINUE else [False, True, False])
        assert given(monitor, "skipped_steps")[-1] == 1


def test_a_loss_that_mixed_precision_has_scaled_elsewhere_than_at_its_root_is_not_known(tmp_path, caplog):
    with quiet() as monitor:
        made = trainer(tmp_path, MonitorCallback(monitor), max_steps=2, optim="adamw_torch")
        scaler = made.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        made.accelerator.backward = lambda loss, **_: (scaler.scale(loss) / 2).backward()
        made.train()
        assert given(monitor, "loss") == []
        assert len(given(monitor, "gradient_norm")) == 2
    assert (
        caplog.text.count("called backward 1 times for 1 micro-batches, with a scale that is not known") == 1
    )


def test_a_loss_that_apex_scales_is_not_known(tmp_path, caplog):
    with quiet() as monitor:
        made = trainer(tmp_path, MonitorCallback(monitor), max_steps=2)
        made.args.half_precision_backend = "apex"  # asked for when it is made, it would have to be installed
        made.train()
        assert given(monitor, "loss") == []
        assert len(given(monitor, "learning_rate")) == 2
    assert caplog.text.count("in an engine of its own") == 1


def test_a_step_whose_loss_cannot_be_read_has_none_and_that_is_said_once(tmp_path, caplog):
    with quiet() as monitor:
        made = trainer(tmp_path, MonitorCallback(monitor), kind=Faulty, max_steps=4)
        made.change = lambda loss: loss if loss.backward(retain_graph=True) is None else None
        made.train()
        assert monitor.rows()["loss"].mask.tolist() == [False, False, True, False]
    assert caplog.text.count("called backward 2 times for 1 micro-batches") == 1


@pytest.mark.parametrize("window", [1, 3])
def test_the_waits_for_all_batches_are_counted_also_those_that_no_step_trains_on(tmp_path, read, window):
    class Stopping(TrainerCallback):
        ended = 0

        def on_substep_end(self, args, state, control, **given):
            self.ended += 1
            control.should_training_stop = self.ended == 5

    with quiet() as monitor:
        callbacks = MonitorCallback(monitor), Stopping()
        trainer(tmp_path, *callbacks, gradient_accumulation_steps=window, logging_steps=500).train()
        assert len(given(monitor, "loss")) == (10 if window == 1 else 2)
        assert read(monitor, "model_data_wait_seconds_count", split="train") == (10 if window == 1 else 9)


@pytest.mark.parametrize(
    "trained", ["bert", "bert.embeddings"]
)  # backward goes through all layers for these, too
def test_a_step_calls_as_many_functions_however_deep_the_model_is(tmp_path, trained):
    def calls(layers):
        """Calls that the package makes in the third step."""
        found, model = Counter(), classifier(layers=layers)
        model.requires_grad_(False).get_submodule(trained).requires_grad_(True)

        def count(frame, event, _):
            if event in {"call", "c_call"} and PACKAGE in frame.f_code.co_filename:
                found[frame.f_code.co_qualname] += 1

        class Profiling(TrainerCallback):
            def on_step_begin(self, args, state, control, **given):
                sys.setprofile(count if state.global_step == 2 else None)

        with quiet() as monitor:
            callbacks = Profiling(), MonitorCallback(monitor)
            settings = {"max_steps": 4, "gradient_accumulation_steps": 2, "logging_steps": 500}
            trainer(tmp_path, *callbacks, model=model, **settings).train()
            assert errors(monitor) == {}
        return found

    assert calls(1) == calls(6)


def test_tokens_and_what_a_trainer_logs_in_addition_are_scalars(tmp_path):
    class Rewarding(Trainer):
        def log(self, logs, *args):
            super().log({**logs, "rewards/margins": 2.0, "accuracy": 70.0} if "loss" in logs else logs, *args)

    with quiet() as monitor:
        settings = {"include_num_input_tokens_seen": "all", "logging_steps": 2, "max_steps": 4}
        trainer(tmp_path, MonitorCallback(monitor), kind=Rewarding, **settings).train()
        assert given(monitor, "input_tokens") == [24, 48, 72, 96]
        assert given(monitor, "rewards/margins") == [2, 2]
        assert given(monitor, "logged_accuracy") == [70, 70]
        assert errors(monitor) == {}


def test_training_is_the_same_when_monitoring_fails(tmp_path, monkeypatch):
    weights = []
    for fails in (False, True):
        with quiet() as monitor:
            if fails:
                monkeypatch.setattr(monitor.session, "record", lambda event: 1 / 0)
            made = trainer(tmp_path, *([MonitorCallback(monitor)] if fails else []), max_steps=3)
            made.train()
            weights.append(list(made.model.parameters()))
            assert bool(errors(monitor)) is fails
    assert all(torch.equal(one, other) for one, other in zip(*weights, strict=True))


# Evaluations


def test_an_evaluation_has_the_loss_and_the_metrics_of_the_trainer(tmp_path, read):
    def metrics(found):
        return {"accuracy": (found.predictions.argmax(-1) == found.label_ids).mean(), "spread": 2.5}

    with quiet() as monitor:
        made = trainer(
            tmp_path,
            MonitorCallback(monitor),
            eval_dataset=sentences(10),
            eval_strategy="steps",
            eval_steps=5,
            compute_metrics=metrics,
        )
        made.train()
        rows, logs = monitor.rows("validation"), [one for one in made.state.log_history if "eval_loss" in one]
        assert rows["step"].tolist() == [5, 10]
        assert rows["samples"].tolist() == [10, 10]
        assert rows["loss"].tolist() == [one["eval_loss"] for one in logs]
        assert given(monitor, "accuracy", "validation") == [one["eval_accuracy"] for one in logs]
        assert given(monitor, "spread", "validation") == [2.5, 2.5]
        assert read(monitor, "model_loss", split="validation") == logs[-1]["eval_loss"]
        found = made.predict(sentences(6))
        assert given(monitor, "loss", "test") == [found.metrics["test_loss"]]
        assert errors(monitor) == {}


def test_each_of_several_evaluation_sets_has_scalars_of_its_own(tmp_path):
    with quiet() as monitor:
        sets = {"old": sentences(6), "new": sentences(8, seed=3)}
        made = trainer(
            tmp_path, MonitorCallback(monitor), eval_dataset=sets, eval_strategy="epoch", max_steps=2
        )
        found = made.evaluate()
        assert given(monitor, "old_loss", "validation") == [found["eval_old_loss"]]
        assert given(monitor, "new_loss", "validation") == [found["eval_new_loss"]]
        assert "loss" not in monitor.rows("validation")


# The life of a run


def test_epochs_checkpoints_and_planned_steps_are_those_of_the_trainer(tmp_path, read):
    with quiet() as monitor:
        trainer(
            tmp_path,
            MonitorCallback(monitor),
            data=sentences(16),
            max_steps=6,
            save_strategy="steps",
            save_steps=3,
        ).train()
        assert read(monitor, "model_epochs_total", split="train") == 1  # the second is half done
        assert read(monitor, "model_checkpoints_total") == 2
        assert read(monitor, "model_steps_planned") == 6


def test_an_epoch_counts_where_it_ends_inside_of_a_window_or_its_last_batches_are_left_out(tmp_path, read):
    with quiet() as monitor:
        data = sentences(41)  # 11 batches, of which 4.46 to 4.51 leave out the last two in each epoch
        settings = {"num_train_epochs": 3, "gradient_accumulation_steps": 4}
        trainer(tmp_path, MonitorCallback(monitor), data=data, **settings).train()
        assert read(monitor, "model_epochs_total", split="train") == (2 if PLANS_WHOLE_WINDOWS else 3)


def test_an_epoch_of_a_stream_ends_with_it(tmp_path, read):
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(sentences(8))

    with quiet() as monitor:
        trainer(tmp_path, MonitorCallback(monitor), data=Stream(), max_steps=5).train()
        assert read(monitor, "model_epochs_total", split="train") == 2
        assert len(given(monitor, "loss")) == 5


def test_a_resumed_run_returns_to_the_step_of_its_checkpoint(tmp_path):
    def run():
        return ModelMonitor("resumed", run="one", delivery=[], state=State(tmp_path / "state"))

    settings = {"save_strategy": "steps", "save_steps": 4, "logging_steps": 500}
    with run() as monitor:
        trainer(tmp_path / "a", MonitorCallback(monitor), max_steps=6, **settings).train()
        losses = given(monitor, "loss")
    checkpoint = tmp_path / "a" / "checkpoint-4"
    if CANNOT_LOAD_RANDOM_NUMBERS:
        (checkpoint / "rng_state.pth").unlink()
    with run() as monitor:
        made = trainer(tmp_path / "a", MonitorCallback(monitor), max_steps=8, **settings)
        made.train(resume_from_checkpoint=str(checkpoint))
        assert monitor.rows()["step"].tolist()[-4:] == [5, 6, 7, 8]
        assert given(monitor, "loss")[-4] == pytest.approx(losses[4], rel=1e-6)
        assert errors(monitor) == {}


def test_a_monitor_takes_one_training_after_another(tmp_path):
    with quiet() as monitor:
        made = trainer(tmp_path, MonitorCallback(monitor), max_steps=2)
        made.train()
        made.train()
        assert monitor.state == "running"
        assert monitor.rows()["step"].tolist() == [1, 2, 3, 4]
    with pytest.raises(ClosedError):
        made.train()


def test_a_name_opens_a_run_for_each_training_and_one_that_an_exception_left_has_failed(tmp_path, opened):
    original = torch.autograd.backward
    made = trainer(tmp_path, MonitorCallback("named"), kind=Faulty, max_steps=4)

    def fail(loss):
        raise ValueError("no such label")

    made.change = fail
    with pytest.raises(ValueError, match="no such label"):
        made.train()
    made.train()
    assert [run.state for run in opened] == ["failed", "finished"]
    assert [len(given(run, "loss")) for run in opened] == [2, 4]
    assert torch.autograd.backward is original
    assert not made.optimizer.optimizer._optimizer_step_pre_hooks


def test_a_smaller_batch_size_that_fits_continues_the_run_from_its_beginning(tmp_path, opened):
    made = trainer(tmp_path, MonitorCallback("named"), kind=Faulty, max_steps=4, auto_find_batch_size=True)

    def fail(loss):
        raise RuntimeError("CUDA out of memory.")

    made.change = fail
    made.train()
    (run,) = opened
    assert run.state == "finished"
    assert run.rows()["step"].tolist()[-4:] == [1, 2, 3, 4]
    assert errors(run) == {}


def test_what_the_trainer_shows_in_its_state_alone_is_found_there(tmp_path):
    class Moving(TrainerCallback):
        """Leaves everything where the Trainer of 4.49 does."""

        def on_train_begin(self, args, state, control, **given):
            for name in ("model", "optimizer", "train_dataloader"):
                setattr(state, name, getattr(made.callback_handler, name) or getattr(state, name))
                setattr(made.callback_handler, name, None)

    with quiet() as monitor:
        made = trainer(tmp_path, Moving(), MonitorCallback(monitor), max_steps=2)
        made.train()
        assert given(monitor, "learning_rate") == [0.01, 0.005]
        assert monitor.rows()["samples"].tolist() == [4, 4]
        assert errors(monitor) == {}


def test_only_the_main_process_records(tmp_path, opened):
    made = trainer(tmp_path, MonitorCallback("named"), max_steps=1, eval_dataset=sentences(4))
    made.is_world_process_zero = lambda: False
    made.train()
    made.evaluate()
    assert opened == []


def test_nothing_is_hooked_where_monitoring_is_turned_off(tmp_path, monkeypatch):
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "1")
    original, during = torch.autograd.backward, []

    class Looking(Faulty):
        def change(self, loss):
            during.append(torch.autograd.backward)
            return loss

    trainer(tmp_path, MonitorCallback("off"), kind=Looking, max_steps=3).train()
    assert during == [original]


def test_a_plain_training_says_nothing(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "traingauge"), quiet() as monitor:
        trainer(tmp_path, MonitorCallback(monitor), max_steps=2).train()
    assert [one for one in caplog.records if one.name == "traingauge"] == []


def test_the_example_needs_two_lines_and_learns(opened):
    module = import_module("docs.examples.transformers.classifier")
    text = Path(module.__file__).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "traingauge" in line]
    assert len(lines) == 2
    assert all(line.endswith("# traingauge") for line in lines)
    module.main(epochs=1, samples=400)
    (run,) = opened
    assert run.state == "finished"
    assert len(given(run, "loss")) == 10
    assert len(given(run, "accuracy", "validation")) == 1
    assert errors(run) == {}
