"""Deaths, each of which has to be reported once."""

from __future__ import annotations

from benchmarks.life.run import FILE, POD, together
from benchmarks.life.situation import death
from benchmarks.life.world import Script, World
from simulation.clock import MINUTE

#: A run whose target has left may return within this time.
RETURNS = 5 * MINUTE

#: A run that takes no step may be busy for this long.
SILENT = 30 * MINUTE


@death("RunFailed")
def crash(world: World) -> Script:
    """An exception ends a run."""
    run = world.run()
    yield from run.train(25 * MINUTE)
    run.crash()
    world.died()


@death("RunFailed")
def crash_before_the_first_step(world: World) -> Script:
    """A run fails on its first batch, after 3 seconds; it waits for one scrape, as Prometheus reads its directory."""
    yield 10 * MINUTE + 1.0
    run = world.run()
    yield 3.0
    run.crash()
    world.died()


@death("RunFailed")
def crash_of_a_pod_that_is_kept(world: World) -> Script:
    """An exception ends a run, whose pod stays in discovery for 2 hours."""
    run = world.run(place=POD, kept=True)
    yield from run.train(25 * MINUTE)
    run.crash()
    world.died()
    yield 120 * MINUTE


@death("RunFailed")
def crash_of_one_fold(world: World) -> Script:
    """One of two runs in a process fails, and the other trains on."""

    def train(number: int) -> Script:
        run = world.run(f"fold-{number}")
        yield from run.train(20 * MINUTE)
        if number:
            run.crash()
            world.died()
            return
        yield from run.train(25 * MINUTE)
        run.end()

    yield from together(world, [train(0), train(1)])


@death("RunVanished")
def sigkill(world: World) -> Script:
    """SIGKILL ends a run."""
    run = world.run()
    yield from run.train(25 * MINUTE)
    run.kill()
    world.died()


@death("RunVanished")
def sigkill_after_2_minutes(world: World) -> Script:
    """SIGKILL ends a run that has trained for 2 minutes."""
    run = world.run()
    yield from run.train(2 * MINUTE + 5.0)
    run.kill()
    world.died()


@death("RunVanished")
def out_of_memory_of_a_pod(world: World) -> Script:
    """The kernel kills the container of a pod for its memory, and the pod stays in discovery."""
    run = world.run(place=POD, kept=True)
    yield from run.train(25 * MINUTE)
    run.kill()
    world.died()
    yield 60 * MINUTE


@death("RunVanished")
def out_of_memory_in_an_evaluation(world: World) -> Script:
    """The kernel kills a process for its memory within an evaluation."""
    run = world.run()
    yield from run.train(25 * MINUTE)
    evaluation = run.evaluate(10 * MINUTE, batches=100)
    for _ in range(50):
        yield next(evaluation)
    run.kill()
    world.died()


@death("RunVanished")
def node_lost(world: World) -> Script:
    """A node is lost: its pod does not answer, and leaves discovery 5 minutes later."""
    run = world.run(place=POD)
    yield from run.train(25 * MINUTE)
    run.kill()
    world.died()
    yield 5 * MINUTE
    run.target.leaves()


@death("TargetGone", "5 minutes after it left: until then it may return")
def evicted(world: World) -> Script:
    """A pod is evicted and leaves discovery at once, and no other one takes its place."""
    run = world.run(place=POD)
    yield from run.train(25 * MINUTE)
    run.kill()
    run.target.leaves()
    world.died(knowable_after=RETURNS)


@death("RunVanished")
def of_a_namesake(world: World) -> Script:
    """One of two runs of one name on two clusters is killed."""

    def train(cluster: str) -> Script:
        run = world.run(place={**FILE, "cluster": cluster})
        yield from run.train(25 * MINUTE)
        if cluster == "b":
            run.kill()
            world.died()
            return
        yield from run.train(25 * MINUTE)
        run.end()

    yield from together(world, [train("a"), train("b")])


@death("RunVanished")
def of_another_job(world: World) -> Script:
    """A run is killed that Prometheus scrapes under the job name of a PodMonitor, without labels of a run on its target."""
    run = world.run(place={"job": "teams/vision/training", "namespace": "vision"})
    yield from run.train(25 * MINUTE)
    run.kill()
    world.died()


@death("RunVanished", "when Prometheus is back")
def while_prometheus_is_down(world: World) -> Script:
    """A run is killed while Prometheus is down for 10 minutes."""
    run = world.run()
    yield from run.train(25 * MINUTE)
    world.prometheus_leaves(10 * MINUTE)
    yield from run.train(3 * MINUTE)
    run.kill()
    world.died()
    yield 10 * MINUTE


@death("RunVanished")
def resumed_then_dead(world: World) -> Script:
    """A run is preempted, resumed 3 minutes later, and then killed."""
    run = world.run(saves=True)
    yield from run.train(25 * MINUTE)
    run.preempt()
    yield 3 * MINUTE
    run.resume()
    yield from run.train(20 * MINUTE)
    run.kill()
    world.died()


@death("RunVanished")
def second_night(world: World) -> Script:
    """A nightly training that uses the name of the night before is killed."""
    for _ in range(2):
        run = world.run("nightly")
        yield from run.train(25 * MINUTE)
        if world.knowable is None and len(world.targets) == 2:
            run.kill()
            world.died()
        else:
            run.end()
        yield 10 * MINUTE


@death("RunVanished")
def evaluated_after_its_death(world: World) -> Script:
    """SIGKILL ends a run, and 3 minutes later another process evaluates what it has saved."""
    run = world.run()
    yield from run.train(25 * MINUTE)
    run.kill()
    world.died()
    yield 3 * MINUTE
    evaluation = world.run()
    yield from evaluation.evaluate(15 * MINUTE, batches=60, split="test")
    evaluation.end()


@death(
    "RunVanished", "when the other process has evaluated: until then it may be loading its data to train on"
)
def evaluated_at_once(world: World) -> Script:
    """SIGKILL ends a run, and half a minute later another process evaluates what it has saved, for 5 minutes."""
    run = world.run()
    yield from run.train(25 * MINUTE)
    run.kill()
    world.died(knowable_after=5.5 * MINUTE)
    yield 0.5 * MINUTE
    evaluation = world.run()
    yield from evaluation.evaluate(5 * MINUTE, batches=60, split="test")
    evaluation.end()


@death("RunVanished")
def all_ranks(world: World) -> Script:
    """All four ranks of a run are killed at the same time."""
    runs = [world.run(place={**FILE, "rank": str(rank)}, step_seconds=4.0) for rank in range(4)]
    yield from together(world, [run.train(25 * MINUTE) for run in runs])
    for run in runs:
        run.kill()
    world.died()


@death("RunVanished")
def stopped_for_20_minutes(world: World) -> Script:
    """SIGSTOP stops a process for 20 minutes: Prometheus cannot tell that from a death."""
    run = world.run()
    yield from run.train(25 * MINUTE)
    run.target.dies()
    world.died()
    yield 20 * MINUTE
    run.target.listens(run.monitor)
    yield from run.train(20 * MINUTE)
    run.end()


@death("Stuck", "after half an hour: until then it may be busy")
def hang(world: World) -> Script:
    """A collective operation waits for ever."""
    run = world.run()
    yield from run.train(25 * MINUTE)
    world.died(knowable_after=SILENT)
    yield 45 * MINUTE
    run.end()


@death("Stuck", "after half an hour: until then it may be loading")
def hang_before_the_first_step(world: World) -> Script:
    """A run waits for ever for its first batch."""
    run = world.run()
    world.died(knowable_after=SILENT)
    yield 45 * MINUTE
    run.end()


@death("Stuck", "half an hour after the time that the run gave itself")
def hang_in_an_upload(world: World) -> Script:
    """A run is busy with an upload for at most 10 minutes, and hangs in it."""
    run = world.run()
    yield from run.train(15 * MINUTE)
    with run.monitor.busy("upload", at_most=600):
        world.died(knowable_after=600 + SILENT)
        yield 50 * MINUTE
    run.end()


@death("RunVanished")
def killed_in_an_upload(world: World) -> Script:
    """The kernel kills a run that is busy with an upload."""
    run = world.run()
    yield from run.train(15 * MINUTE)
    upload = run.monitor.busy("upload", at_most=3600)
    upload.__enter__()
    yield 5 * MINUTE
    run.kill()
    world.died()
