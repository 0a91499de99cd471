"""Ordinary life of Prometheus and of the network."""

from __future__ import annotations

from benchmarks.life.run import POD
from benchmarks.life.situation import ordinary
from benchmarks.life.world import Script, World
from simulation.clock import MINUTE


@ordinary
def prometheus_down(world: World) -> Script:
    """Prometheus is down for 10 minutes while a run trains."""
    run = world.run()
    yield from run.train(30 * MINUTE)
    world.prometheus_leaves(10 * MINUTE)
    yield from run.train(40 * MINUTE)
    run.end()


@ordinary
def prometheus_down_at_the_end(world: World) -> Script:
    """A run ends while Prometheus is down for 10 minutes."""
    run = world.run()
    yield from run.train(30 * MINUTE)
    world.prometheus_leaves(10 * MINUTE)
    yield from run.train(5 * MINUTE)
    run.end()
    yield 10 * MINUTE


@ordinary
def prometheus_restarts(world: World) -> Script:
    """Prometheus restarts every 20 minutes and is away for 70 seconds."""
    run = world.run()
    for _ in range(4):
        yield from run.train(20 * MINUTE)
        world.prometheus_leaves(70.0)
    yield from run.train(5 * MINUTE)
    run.end()


@ordinary
def scrapes_that_fail(world: World) -> Script:
    """One scrape in twenty fails."""
    run = world.run()

    def fail() -> Script:
        while True:
            yield world.interval * (world.random.geometric(0.05) - 0.5)
            run.target.dies()
            yield world.interval
            run.target.listens(run.monitor)
            yield 0.5 * world.interval

    failures = fail()
    world.spawn(failures)
    yield from run.train(70 * MINUTE)
    failures.close()
    run.end()


@ordinary
def a_target_never_reached(world: World) -> Script:
    """A network policy keeps Prometheus from a run for as long as it lasts."""
    run = world.run(listens=False, place=POD)
    yield 90 * MINUTE
    run.target.leaves()
