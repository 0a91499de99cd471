"""Ordinary life of a process: it is slow, fast, or busy with something other than steps."""

from __future__ import annotations

from benchmarks.life.situation import ordinary
from benchmarks.life.world import Script, World
from simulation.clock import MINUTE


@ordinary
def evaluation_of_15_minutes(world: World) -> Script:
    """An evaluation takes 15 minutes and is recorded at its end."""
    run = world.run()
    for _ in range(2):
        yield from run.train(20 * MINUTE)
        yield 15 * MINUTE
        run.validate()
    yield from run.train(10 * MINUTE)
    run.end()


@ordinary
def evaluation_of_40_minutes(world: World) -> Script:
    """An evaluation takes 40 minutes and is recorded batch by batch."""
    run = world.run()
    yield from run.train(20 * MINUTE)
    yield from run.evaluate(40 * MINUTE, batches=240)
    yield from run.train(20 * MINUTE)
    run.end()


@ordinary
def slow_steps(world: World) -> Script:
    """A step takes 3 minutes."""
    run = world.run(step_seconds=3 * MINUTE)
    yield from run.train(4 * 60 * MINUTE)
    run.end()


@ordinary
def fast_steps(world: World) -> Script:
    """A step takes a millisecond."""
    run = world.run()
    for number in range(12 * 60 * 10):
        for _ in range(100):
            world.clock.move(0.001)
            run.monitor.step(loss=2.0 / (1 + number / 500) + run.setup.random.normal(0, 0.02))
        yield 0.0
    run.end()


@ordinary
def first_step_after_25_minutes(world: World) -> Script:
    """The first step comes after 25 minutes of loading and compiling."""
    run = world.run()
    yield 25 * MINUTE
    yield from run.train(20 * MINUTE)
    run.end()


@ordinary
def first_step_after_40_minutes(world: World) -> Script:
    """The first step comes after 40 minutes of tokenising, which the run says it is busy with."""
    run = world.run()
    with run.monitor.busy("tokenising", at_most=3600):
        yield 40 * MINUTE
    yield from run.train(20 * MINUTE)
    run.end()


@ordinary
def checkpoints_of_12_minutes(world: World) -> Script:
    """A checkpoint takes 12 minutes, every half an hour."""
    run = world.run()
    for _ in range(3):
        yield from run.train(30 * MINUTE)
        yield 12 * MINUTE
        run.monitor.checkpointed()
    run.end()


@ordinary
def upload_of_20_minutes(world: World) -> Script:
    """After the last step the model is uploaded for 20 minutes, of which the script says nothing."""
    run = world.run()
    yield from run.train(30 * MINUTE)
    yield 20 * MINUTE
    run.end()


@ordinary
def upload_of_an_hour(world: World) -> Script:
    """After the last step the model is uploaded for an hour, which the run says it is busy with."""
    run = world.run()
    yield from run.train(30 * MINUTE)
    with run.monitor.busy("upload", at_most=2 * 3600):
        yield 60 * MINUTE
    run.end()


@ordinary
def patient_run(world: World) -> Script:
    """A simulation between two steps takes 50 minutes, and the run has set a patience of an hour."""
    run = world.run(thresholds={"stuck_seconds": 3600})
    for _ in range(2):
        yield from run.train(10 * MINUTE)
        yield 50 * MINUTE
    yield from run.train(10 * MINUTE)
    run.end()


@ordinary
def reader_of_a_notebook(world: World) -> Script:
    """Between two cells of a notebook its user reads for 25 minutes."""
    run = world.run()
    yield from run.train(15 * MINUTE)
    yield 25 * MINUTE
    yield from run.train(15 * MINUTE)
    run.end()


@ordinary
def stopped_for_45_seconds(world: World) -> Script:
    """SIGSTOP stops the process for 45 seconds, as a migrating virtual machine does."""
    run = world.run()
    yield from run.train(20 * MINUTE)
    run.target.dies()
    yield 45.0
    run.target.listens(run.monitor)
    yield from run.train(20 * MINUTE)
    run.end()


@ordinary
def laptop_asleep(world: World) -> Script:
    """A laptop sleeps for 3 hours, with the run and Prometheus on it."""
    run = world.run()
    yield from run.train(25 * MINUTE)
    world.prometheus_leaves(180 * MINUTE)
    yield 180 * MINUTE
    yield from run.train(30 * MINUTE)
    run.end()


@ordinary
def data_of_an_epoch(world: World) -> Script:
    """Before each epoch the loader shuffles for 40 seconds."""
    run = world.run()
    for _ in range(12):
        yield from run.train(steps=50)
        run.setup.wait_seconds, usual = 40.0, run.setup.wait_seconds
        yield from run.step()
        run.setup.wait_seconds = usual
    run.end()


@ordinary
def a_neighbour(world: World) -> Script:
    """Another job on the machine slows the steps by a half for 20 minutes."""
    run = world.run()
    yield from run.train(30 * MINUTE)
    run.setup.step_seconds *= 1.5
    yield from run.train(20 * MINUTE)
    run.setup.step_seconds /= 1.5
    yield from run.train(20 * MINUTE)
    run.end()


@ordinary
def larger_batches(world: World) -> Script:
    """The batch size is multiplied by four while the run trains, and a step takes three times as long."""
    run = world.run()
    yield from run.train(40 * MINUTE)
    run.setup.batch *= 4
    run.setup.step_seconds *= 3
    yield from run.train(40 * MINUTE)
    run.end()


@ordinary
def more_accumulation(world: World) -> Script:
    """Gradients are accumulated over four micro-batches instead of one, and a step takes four times as long."""
    run = world.run()
    yield from run.train(40 * MINUTE)
    run.setup.batch *= 4
    run.setup.step_seconds *= 4
    run.setup.wait_seconds *= 4
    yield from run.train(40 * MINUTE)
    run.end()


@ordinary
def resumed_with_larger_batches(world: World) -> Script:
    """A run is interrupted, and resumed with batches four times as large."""
    run = world.run(saves=True)
    yield from run.train(40 * MINUTE)
    run.interrupt()
    yield 3 * MINUTE
    run.setup.batch *= 4
    run.setup.step_seconds *= 3
    run.resume()
    yield from run.train(40 * MINUTE)
    run.end()
