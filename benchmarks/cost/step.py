"""One training step of four numbers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from benchmarks.cost.harness import Arm, Check, Row, race
from traingauge import ModelMonitor
from traingauge.core.event_queue import BACKLOG_STEPS

#: Steps before anything is timed.
WARM_UP = 20_000

#: Steps that are queued when the queue is drained.
PENDING = 1000

#: Steps in which the training thread drains the queue four times.
DIGESTED = 4 * BACKLOG_STEPS

NAMES = ("loss", "learning_rate", "gradient_norm", "entropy")


def measure(seconds: float) -> Row:
    """``step`` against one ``Gauge.set``, four of them, and four numbers stored into slots."""
    registry = CollectorRegistry()
    gauges = [Gauge(name, name, ["model"], registry=registry) for name in NAMES]
    children = [gauge.labels("m") for gauge in gauges]
    one = children[0]
    slots = [0.0] * len(NAMES)

    def set_one(count: int) -> None:
        for _ in range(count):
            one.set(0.5)

    def set_by_labels(count: int) -> None:
        gauge = gauges[0]
        for _ in range(count):
            gauge.labels("m").set(0.5)

    def set_four(count: int) -> None:
        first, second, third, fourth = children
        for _ in range(count):
            first.set(0.5)
            second.set(0.1)
            third.set(1.0)
            fourth.set(2.0)

    def store(count: int) -> None:
        kept = slots
        for _ in range(count):
            kept[0], kept[1], kept[2], kept[3] = 0.5, 0.1, 1.0, 2.0

    with ModelMonitor("bench", delivery=[]) as monitor:

        def step(count: int) -> None:
            for _ in range(count):
                monitor.step(loss=0.5, learning_rate=0.1, gradient_norm=1.0, entropy=2.0)

        def digest() -> None:
            monitor.collector.families()

        step(WARM_UP)  # at first it is read more often how the run goes
        found = race(
            [
                Arm("one Gauge.set on a cached child", set_one),
                Arm("Gauge.labels(…).set", set_by_labels),
                Arm("four Gauge.set on cached children", set_four),
                Arm("four floats into kept slots (limit)", store),
                Arm("traingauge: step() of 4 numbers", step, digest, ours=True, at_once=PENDING),
                Arm(
                    "traingauge: the same, with its share of digesting",
                    lambda count: step(count * DIGESTED),
                    digest,
                    ours=True,
                    at_once=1,
                    each=DIGESTED,
                ),
            ],
            seconds,
        )
    return Row(
        title="One step() of four numbers",
        unit="a step",
        figures=list(found.values()),
        checks=[
            Check("step() ÷ one Gauge.set", found["traingauge: step() of 4 numbers"].ratio, 1.5),
        ],
        note="Calling a function with four keywords takes 0.4 of the base, a clock reading and an append to a list 0.35, a "
        "look at the types of the numbers 0.4: a wrong one raises at once. That is 1.2, and is reached while what is kept "
        f"stays in the processor's cache; {PENDING} steps do not, and cost the rest. Tried: the sum of the numbers in place "
        "of their types (as much), a set of the types (more), tuples in place of dictionaries (1.6), named parameters (as "
        "much again). A scrape drains the list, or training does once "
        f"{BACKLOG_STEPS} steps are pending: the last line has that in it, with every value kept.",
    )
