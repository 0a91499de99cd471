"""Ordinary life of pods, SLURM jobs and clusters."""

from __future__ import annotations

from benchmarks.life.run import FILE, POD, together
from benchmarks.life.situation import ordinary
from benchmarks.life.world import Script, World
from simulation.clock import MINUTE


@ordinary
def pod_late(world: World) -> Script:
    """A pod downloads its data for 20 minutes before it listens."""
    run = world.run(place=POD, listens=False)
    yield 20 * MINUTE
    run.listen()
    yield from run.train(30 * MINUTE)
    run.end()


@ordinary
def pod_very_late(world: World) -> Script:
    """A pod downloads its data for 50 minutes before it listens."""
    run = world.run(place=POD, listens=False)
    yield 50 * MINUTE
    run.listen()
    yield from run.train(20 * MINUTE)
    run.end()


@ordinary
def pod_kept(world: World) -> Script:
    """The pod of a finished run stays in discovery for 2 hours, as its Job keeps it."""
    run = world.run(place=POD, kept=True)
    yield from run.train(30 * MINUTE)
    run.end()
    yield 120 * MINUTE


@ordinary
def pod_leaves_with_its_run(world: World) -> Script:
    """The pod of a finished run leaves discovery with the process."""
    run = world.run(place=POD)
    yield from run.train(30 * MINUTE)
    run.end()


@ordinary
def pod_trains_on_elsewhere(world: World) -> Script:
    """A pod is evicted, and another one resumes its run 3 minutes later."""
    run = world.run(place=POD, saves=True)
    yield from run.train(30 * MINUTE)
    run.kill()
    run.target.leaves()
    yield 3 * MINUTE
    run.resume()
    yield from run.train(30 * MINUTE)
    run.end()


@ordinary
def spot_machine(world: World) -> Script:
    """A spot machine is reclaimed with SIGTERM, and the run is resumed 4 minutes later."""
    run = world.run(place=POD, saves=True)
    for _ in range(2):
        yield from run.train(25 * MINUTE)
        run.preempt()
        yield 30.0
        run.target.leaves()
        yield 3.5 * MINUTE
        run.resume()
    yield from run.train(15 * MINUTE)
    run.end()


@ordinary
def slurm_requeue(world: World) -> Script:
    """SLURM preempts a job with SIGTERM, and the queue starts it again 40 minutes later."""
    run = world.run(saves=True)
    yield from run.train(30 * MINUTE)
    run.preempt()
    yield 40 * MINUTE
    run.resume()
    yield from run.train(30 * MINUTE)
    run.end()


@ordinary
def slurm_cancels(world: World) -> Script:
    """SLURM preempts a job with SIGTERM, and it never runs again."""
    run = world.run(saves=True)
    yield from run.train(30 * MINUTE)
    run.preempt()
    yield 120 * MINUTE


@ordinary
def slurm_kills_early(world: World) -> Script:
    """SLURM preempts a job with SIGTERM, and kills it 10 seconds later; it never runs again."""
    run = world.run(saves=True)
    yield from run.train(30 * MINUTE)
    run.preempt()
    yield 10.0
    run.target.dies()
    yield 120 * MINUTE


@ordinary
def killed_and_resumed(world: World) -> Script:
    """A launcher restarts a killed process within 20 seconds, and the run finishes."""
    run = world.run(saves=True)
    yield from run.train(30 * MINUTE)
    run.kill()
    yield 20.0
    run.resume()
    yield from run.train(30 * MINUTE)
    run.end()


@ordinary
def killed_and_begun_again(world: World) -> Script:
    """A launcher restarts a killed process that had saved nothing; it loads for 10 minutes, and the run finishes."""
    run = world.run()
    yield from run.train(30 * MINUTE)
    run.kill()
    yield 20.0
    run = world.run()
    yield 10 * MINUTE
    yield from run.train(30 * MINUTE)
    run.end()


@ordinary
def two_clusters(world: World) -> Script:
    """Two runs of one name train on two clusters, and one of them ends much sooner."""

    def train(cluster: str, minutes: float) -> Script:
        run = world.run(place={**FILE, "cluster": cluster})
        yield from run.train(minutes * MINUTE)
        run.end()

    yield from together(world, [train("a", 25), train("b", 70)])


@ordinary
def two_namespaces(world: World) -> Script:
    """Two pods of one run's name train in two namespaces, one of them on a harder task."""

    def train(namespace: str, data: str) -> Script:
        run = world.run(place={"job": f"{namespace}/training", "namespace": namespace}, data=data)
        yield from run.train(50 * MINUTE)
        run.end()

    yield from together(world, [train("vision", "digits"), train("tables", "breast_cancer")])


@ordinary
def eight_ranks(world: World) -> Script:
    """Eight ranks of one run come up one after another within 2 minutes."""

    def train(rank: int) -> Script:
        yield 12.0 * rank
        run = world.run(place={**FILE, "rank": str(rank)}, step_seconds=4.0)
        yield from run.train(40 * MINUTE)
        run.end()

    yield from together(world, [train(rank) for rank in range(8)])
