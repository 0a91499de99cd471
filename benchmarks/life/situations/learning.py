"""Ordinary life of learning: losses that rise by design, hard data, unusual schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.life.run import Run
from benchmarks.life.situation import ordinary
from benchmarks.life.world import Script, World
from simulation.clock import MINUTE
from simulation.data import Batch, load
from simulation.faults import overfitting


def _noisy(run: Run, loss: Callable[[float], float], noise: float) -> Callable[[float], dict[str, float]]:
    """The loss of a step around a curve over the share of the run that has passed."""
    random = run.setup.random
    return lambda share: {"loss": loss(share) * (1 + noise * random.normal()), "samples": 64}


@ordinary
def gan(world: World) -> Script:
    """The loss of a GAN's generator falls, then rises and swings as its discriminator learns."""
    run = world.run()
    curve = lambda share: 0.7 + 1.6 * share + 0.4 * math.sin(60 * share) + math.exp(-40 * share)  # noqa: E731
    yield from run.record(80 * MINUTE, _noisy(run, curve, 0.15), evaluated_every=0)
    run.end()


@ordinary
def gan_muted(world: World) -> Script:
    """The loss of a GAN's generator climbs far above its start, and the run mutes ModelLossDiverging."""
    run = world.run(mute=["ModelLossDiverging"])
    curve = lambda share: 0.8 + 6 * share**2 + 0.6 * math.exp(-40 * share)  # noqa: E731
    yield from run.record(80 * MINUTE, _noisy(run, curve, 0.1), evaluated_every=0)
    run.end()


@ordinary
def ppo(world: World) -> Script:
    """The value loss of PPO rises for as long as the reward does."""
    run = world.run()
    random = run.setup.random
    numbers = lambda share: {  # noqa: E731
        "loss": (0.05 + 3 * share) * (1 + 0.2 * random.normal()),
        "reward": 100 * share + random.normal(),
        "samples": 2048,
    }
    yield from run.record(80 * MINUTE, numbers, evaluated_every=0)
    run.end()


@ordinary
def vae(world: World) -> Script:
    """The loss of a VAE falls, and rises again by a third of that while its KL term is annealed."""
    run = world.run()
    curve = lambda share: 90 + 160 * math.exp(-25 * share) + 50 * min(1.0, max(0.0, 3 * share - 0.6))  # noqa: E731
    yield from run.record(80 * MINUTE, _noisy(run, curve, 0.03))
    run.end()


@ordinary
def curriculum(world: World) -> Script:
    """Each of four stages of a curriculum brings harder data, and the loss jumps up."""
    run = world.run()

    def curve(share: float) -> float:
        stage, within = divmod(4 * share, 1.0)
        return 0.3 + 0.15 * stage + (1.2 if stage == 0 else 0.5) * math.exp(-6 * within)

    yield from run.record(80 * MINUTE, _noisy(run, curve, 0.08))
    run.end()


@ordinary
def language_model(world: World) -> Script:
    """A language model is trained for 3 hours: its loss falls slowly, and it has no other score than perplexity."""
    run = world.run()
    random = run.setup.random

    def numbers(share: float) -> dict[str, float]:
        loss = (3 + 7.5 / (1 + 80 * share)) * (1 + 0.02 * random.normal())
        return {"loss": loss, "perplexity": math.exp(loss), "gradient_norm": 1 + 0.2 * random.exponential()}

    yield from run.record(180 * MINUTE, numbers, evaluated_every=500)
    run.end()


@ordinary
def skipped_updates(world: World) -> Script:
    """Loss scaling skips one update in 200, whose gradient is infinite."""
    run = world.run()
    random = run.setup.random

    def numbers(share: float) -> dict[str, float]:
        norm = math.inf if random.random() < 0.005 else 1 + 0.2 * random.exponential()
        loss = (0.4 + math.exp(-10 * share)) * (1 + 0.1 * random.normal())
        return {"loss": loss, "gradient_norm": norm}

    yield from run.record(70 * MINUTE, numbers)
    run.end()


@ordinary
def imbalanced(world: World) -> Script:
    """One class is ten times rarer than the others, in the reference as in training."""
    data = load("digits")
    x, y = data.train
    kept = (y != world.random.integers(0, 10)) | (world.random.random(len(y)) < 0.1)
    yield from _trained(world.run(data=replace(data, train=Batch(x[kept], y[kept])), drift=True))


@ordinary
def rare_class(world: World) -> Script:
    """Only two samples of one class are in the validation data."""
    data = load("digits")
    x, y = data.validation
    rare = np.flatnonzero(y == world.random.integers(0, 10))
    kept = np.setdiff1d(np.arange(len(y)), rare[2:])
    yield from _trained(world.run(data=replace(data, validation=Batch(x[kept], y[kept]))))


@ordinary
def fine_tuning(world: World) -> Script:
    """A pretrained model is fine-tuned: loss and scores hover where they were at its first step."""
    run = world.run(data="breast_cancer")
    random = run.setup.random
    for number in range(1000):
        yield 4.0 * random.uniform(0.9, 1.1)
        y = random.integers(0, 2, 32)
        run.monitor.step(
            loss=0.35 + 0.05 * random.normal(), y_true=y, y_pred=np.where(random.random(32) < 0.86, y, 1 - y)
        )
        if number % 50 == 49:
            y = random.integers(0, 2, 200)
            right = random.random(200) < 0.86
            run.monitor.end_epoch()
            run.monitor.evaluate("validation", loss=0.36, y_true=y, y_pred=np.where(right, y, 1 - y))
    run.end()


@ordinary
def warm_restarts(world: World) -> Script:
    """The learning rate falls along a cosine and jumps up again every 15 epochs."""
    run = world.run(drift=True)
    high = 2 * run.setup.rate(0)
    run.setup.rate = lambda step: high * (0.505 + 0.495 * math.cos(math.pi * (step % 750) / 750))
    yield from _trained(run)


@ordinary
def learning_rate_finder(world: World) -> Script:
    """A learning rate finder raises the rate until the loss blows up, for 4 minutes; then training begins."""
    run = world.run("finder", step_seconds=2.0)
    low = run.setup.rate(0) / 1000
    run.setup.rate, run.setup.clip = lambda step: low * 10 ** (step / 20), math.inf
    yield from run.train(4 * MINUTE)
    run.end()
    yield from _trained(world.run("training"), 40)


@ordinary
def rate_decays_to_zero(world: World) -> Script:
    """The learning rate begins at 0, rises for 100 steps, and falls along a line to 0 at the last step."""
    run = world.run(step_seconds=3.0)
    high = run.setup.rate(0)
    run.setup.rate = lambda step: high * min(step / 100, max(0.0, 1 - step / 1200))
    yield from run.train(steps=1200)
    run.end()


@ordinary
def no_validation(world: World) -> Script:
    """A run has no validation data."""
    yield from _trained(world.run(validates=False, drift=True))


@ordinary
def regression(world: World) -> Script:
    """A regression on data with much noise."""
    yield from _trained(world.run(data="diabetes", drift=True))


@ordinary
def overfitted_on_purpose(world: World) -> Script:
    """A run learns 40 samples by heart to test its code, and mutes what it means to do."""
    run = world.run(
        mute=[
            "ModelOverfitting",
            "ModelScoreBelowThreshold",
            "ModelScoreImplausible",
            "ModelClassRecallCollapsed",
        ]
    )
    overfitting(run.setup)
    yield from _trained(run)


@ordinary
def label_noise(world: World) -> Script:
    """A third of the training labels are wrong from the beginning."""
    run = world.run()
    random = run.setup.random

    def spoil(batch: Batch) -> Batch:
        wrong = random.random(len(batch.y)) < 1 / 3
        return Batch(batch.x, np.where(wrong, random.integers(0, 10, len(batch.y)), batch.y))

    run.setup.spoil = spoil
    yield from _trained(run)


@ordinary
def small_validation_set(world: World) -> Script:
    """Only 20 samples are held out for validation."""
    data = load("digits")
    x, y = data.validation
    rows = world.random.choice(len(y), 20, replace=False)
    yield from _trained(world.run(data=replace(data, validation=Batch(x[rows], y[rows]))))


@ordinary
def another_season(world: World) -> Script:
    """Every image is 3 % brighter than in the reference, as in another season."""
    run = world.run(drift=True)
    run.setup.spoil = lambda batch: Batch(1.03 * batch.x, batch.y)
    yield from _trained(run)


@ordinary
def small_batches(world: World) -> Script:
    """Batches of four samples make every number noisy."""
    run = world.run(drift=True)
    rate = 0.3 * run.setup.rate(0)
    run.setup.batch, run.setup.rate = 4, lambda step: rate
    yield from _trained(run)


def _trained(run: Run, minutes: float = 70) -> Script:
    yield from run.train(minutes * MINUTE)
    run.end()
