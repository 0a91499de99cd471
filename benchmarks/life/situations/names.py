"""Ordinary life of many runs: short ones, sweeps, names that are used again."""

from __future__ import annotations

from benchmarks.life.run import together
from benchmarks.life.situation import ordinary
from benchmarks.life.world import Script, World
from simulation.clock import MINUTE


@ordinary
def nightly_name_again(world: World) -> Script:
    """A nightly training uses the name of the night before, which ended 20 minutes ago with a low loss."""
    for _ in range(2):
        run = world.run("nightly", drift=True)
        yield from run.train(40 * MINUTE)
        run.end()
        yield 20 * MINUTE


@ordinary
def name_again_at_once(world: World) -> Script:
    """A script is started, stopped with Ctrl-C and started again five times within half an hour."""
    for _ in range(5):
        run = world.run("trial")
        yield from run.train(5 * MINUTE)
        run.interrupt()
        yield 1 * MINUTE
    run = world.run("trial")
    yield from run.train(20 * MINUTE)
    run.end()


@ordinary
def short_jobs(world: World) -> Script:
    """Twenty jobs of 40 seconds each, one after another."""
    for number in range(20):
        run = world.run(f"job-{number}")
        yield from run.train(40.0)
        run.end()
        yield 60.0


@ordinary
def sweep_of_30_runs(world: World) -> Script:
    """A sweep trains 30 runs of 2 minutes each in one process."""
    for number in range(30):
        run = world.run(f"trial-{number}")
        rate = run.setup.rate(0) * 10 ** world.random.uniform(-2, 0.3)
        run.setup.rate = lambda step, rate=rate: rate
        yield from run.train(2 * MINUTE)
        run.end()


@ordinary
def several_runs_in_one_process(world: World) -> Script:
    """Four runs train in one process at the same time, and end one after another."""

    def train(number: int) -> Script:
        run = world.run(f"fold-{number}", step_seconds=4.0)
        yield from run.train((15 + 10 * number) * MINUTE)
        run.end()

    yield from together(world, [train(number) for number in range(4)])


@ordinary
def control_c(world: World) -> Script:
    """Ctrl-C ends a run."""
    run = world.run()
    yield from run.train(25 * MINUTE)
    run.interrupt()


@ordinary
def evaluation_only(world: World) -> Script:
    """A job evaluates a model on test data every 10 minutes, and trains nothing."""
    run = world.run()
    for _ in range(6):
        yield from run.evaluate(5 * MINUTE, batches=60, split="test")
        yield 5 * MINUTE
    run.end()


@ordinary
def early_stopping(world: World) -> Script:
    """Early stopping ends a run after 12 minutes."""
    run = world.run(total_steps=100_000)
    yield from run.train(12 * MINUTE)
    run.end()
