"""The loss of a step, next to a loop written by hand whose weights become those of the Trainer: it descends the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, IterableDataset
from transformers import Trainer, TrainerCallback

from tests.integrations.torch.loops import errors, given, quiet
from tests.integrations.transformers.trainers import (
    DIVIDES_AGAIN,
    LOGGED,
    WINDOWS_CONTINUE,
    Noted,
    as_logged,
    divisor,
    language_model,
    texts,
    trainer,
)
from traingauge.integrations.transformers import MonitorCallback

#: Samples of the micro-batches of an epoch, of which the last window of 2, and of 7, has fewer.
SIZES = (4, 1, 3, 2, 4, 5, 1, 2, 3)

RATE = 0.1


class Classifier(nn.Module):
    """Has the mean over its batch as loss, which the Trainer divides by the micro-batches."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Embedding(20, 4), nn.Flatten(), nn.Linear(24, 3))

    def forward(self, input_ids, labels=None):
        logits = self.net(input_ids)
        return {"loss": None if labels is None else cross_entropy(logits, labels), "logits": logits}


class ClassifierOfItems(Classifier):
    """Divides by the items of all micro-batches, as the Trainer asks of it; 4.46 knows that by the name ``loss_kwargs``."""

    def forward(self, input_ids, labels=None, num_items_in_batch=None, **loss_kwargs):
        logits = self.net(input_ids)
        if labels is None:
            return {"logits": logits}
        return {"loss": cross_entropy(logits, labels, reduction="sum") / num_items_in_batch, "logits": logits}


class Batches(Dataset):
    """Micro-batches in their order."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, place):
        return self.batches[place]


class Stream(IterableDataset):
    """The same without a length."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


class Ordered(Trainer):
    """Trains on micro-batches as they are."""

    def get_train_dataloader(self):
        return self.accelerator.prepare(DataLoader(self.train_dataset, batch_size=None, shuffle=False))


def labelled():
    """Sequences that have one label each."""
    generator = torch.Generator().manual_seed(1)
    return [
        {
            "input_ids": torch.randint(20, (size, 6), generator=generator),
            "labels": torch.randint(3, (size,), generator=generator),
        }
        for size in SIZES
    ]


def masked():
    """Sequences with -100 for differently many tokens, and always for the first, which no token predicts."""
    rows = iter(texts(sum(SIZES)))
    found = []
    for size in SIZES:
        taken = [next(rows) for _ in range(size)]
        batch = {name: torch.stack([row[name] for row in taken]) for name in ("input_ids", "labels")}
        batch["labels"][:, 0] = -100
        found.append(batch)
    return found


def built(kind):
    torch.manual_seed(0)
    return kind()


def mean_of_micro_batches(model, batches, window):
    for one in batches:
        yield cross_entropy(model.net(one["input_ids"]), one["labels"]) / divisor(window, len(batches))


def mean_of_samples(model, batches, window):
    samples = sum(len(one["labels"]) for one in batches)
    for one in batches:
        yield cross_entropy(model.net(one["input_ids"]), one["labels"], reduction="sum") / samples


def mean_of_tokens(model, batches, window):
    tokens = sum(int((one["labels"] != -100).sum()) for one in batches)
    for one in batches:
        logits = model(input_ids=one["input_ids"]).logits[:, :-1].reshape(-1, 20)
        labels = one["labels"][:, 1:].reshape(-1)
        yield cross_entropy(logits, labels, ignore_index=-100, reduction="sum") / tokens


def by_hand(model, losses_of, batches, window, steps, *, sized):
    """The loss and the samples of each step of plain gradient descent.

    Args:
        model: What it trains.
        losses_of: The losses of the micro-batches that the Trainer loads for a window, each as the gradient has it.
        batches: Micro-batches of an epoch.
        window: How many make a step.
        steps: How many steps.
        sized: Whether a last window that is shorter is a step of its own, instead of being added to the next epoch's
            first one. 4.46 completes such a window in the next epoch, sized or not.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    losses, counts, loss, samples, seen = [], [], 0, 0, 0
    while True:
        for at in range(0, len(batches), window):
            taken = batches[at : at + window]
            for place, one in enumerate(losses_of(model, taken, window), at):
                loss = loss + (one / window if DIVIDES_AGAIN else one)
                samples += len(batches[place]["input_ids"])
                seen += 1
                if WINDOWS_CONTINUE:
                    is_full = seen % window == 0
                else:
                    is_full = (place + 1) % window == 0 or (sized and place + 1 == len(batches))
                if not is_full:
                    continue
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                counts.append(samples)
                loss, samples = 0, 0
                if len(losses) == steps:
                    return losses, counts


def trained(folder, model, data, steps, window, *callbacks):
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    constant = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    trainer(
        folder,
        *callbacks,
        model=model,
        data=data,
        kind=Ordered,
        optimizers=(optimizer, constant),
        max_steps=steps,
        max_grad_norm=0,
        gradient_accumulation_steps=window,
    ).train()


@pytest.mark.parametrize("window", [1, 2, 7])
@pytest.mark.parametrize("kind", [Batches, Stream])
@pytest.mark.parametrize(
    "case",
    [
        (Classifier, labelled, mean_of_micro_batches),
        (ClassifierOfItems, labelled, mean_of_samples),
        (language_model, masked, mean_of_tokens),
    ],
)
def test_the_loss_of_a_step_is_the_one_that_its_update_descends(tmp_path, case, kind, window):
    model, batches, losses_of = case
    steps = 2 * (len(SIZES) // window) + 1
    theirs, ours = built(model), built(model)
    losses, counts = by_hand(ours, losses_of, batches(), window, steps, sized=kind is Batches)
    with quiet() as monitor:
        trained(tmp_path, theirs, kind(batches()), steps, window, MonitorCallback(monitor))
        assert given(monitor, "loss") == pytest.approx(losses, rel=1e-6)
        assert monitor.rows()["samples"].tolist() == counts
        assert errors(monitor) == {}
    for one, other in zip(theirs.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_micro_batches_of_an_epoch_that_a_callback_stops_are_in_the_next_update(tmp_path):
    class Stopping(TrainerCallback):
        ended = 0

        def on_substep_end(self, args, state, control, **given):
            self.ended += 1
            control.should_epoch_stop = self.ended == 5  # two of the second window of four

    noted = Noted()
    with quiet() as monitor:
        data = Batches(labelled())
        trained(tmp_path, built(Classifier), data, 4, 4, MonitorCallback(monitor), noted, Stopping())
        assert as_logged(given(monitor, "loss"), 4) == pytest.approx(noted.of("loss"), **LOGGED)
        first, second, third = sum(SIZES[:4]), sum(SIZES[4:8]), SIZES[8]
        expected = [first, sum(SIZES[4:6]) + first, second, third]
        if WINDOWS_CONTINUE:  # and the second epoch is the last, and begins no fourth step
            expected = [first, sum(SIZES[4:6] + SIZES[:2]), sum(SIZES[2:6])]
        assert monitor.rows()["samples"].tolist() == expected


def test_what_another_callback_calls_backward_on_between_two_steps_is_in_neither(tmp_path):
    class Probing(TrainerCallback):
        def on_step_end(self, args, state, control, model, **given):
            model.net[2].weight.sum().backward()
            model.zero_grad()

    with quiet() as monitor:
        model = built(Classifier)
        losses, _ = by_hand(built(Classifier), mean_of_micro_batches, labelled(), 2, 4, sized=True)
        trained(tmp_path, model, Batches(labelled()), 4, 2, MonitorCallback(monitor), Probing())
        assert given(monitor, "loss") == pytest.approx(losses, rel=1e-6)
