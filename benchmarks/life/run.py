"""One training process: a small network that trains, or numbers that a script draws, and their monitor."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.life.target import SAVING_SECONDS, Target
from simulation.data import Batch, Data, load
from simulation.network import Network, norm
from simulation.recording import Recording
from simulation.session import EPOCH_STEPS, evaluate, reference_of, targets
from simulation.setup import Setup
from traingauge import ModelMonitor, Reference, Scoring, State
from traingauge.core.families import Identity
from traingauge.process.signals import GRACE_SECONDS

if TYPE_CHECKING:
    from benchmarks.life.world import World

#: Where a run is: the labels that its target has on Kubernetes.
POD: Mapping[str, str] = {"job": "ml/training", "namespace": "ml"}

FILE: Mapping[str, str] = {"job": "traingauge"}


class OutOfMemoryError(RuntimeError):
    """What a script that crashes raises."""


@dataclass(slots=True)
class Run:
    """A training process.

    Attributes:
        world: Where it lives.
        target: What Prometheus sees of it.
        name: Of the run.
        setup: What it trains, and how fast.
        place: Labels of its target.
        settings: Of its monitor.
        network: What learns.
        monitor: Of this process.
        state: The folder from which another process can resume it; ``None`` for a run that saves nothing.
        steps: Steps taken, by all processes.
    """

    world: World
    target: Target
    name: str
    setup: Setup
    place: Mapping[str, str]
    settings: Mapping[str, Any]
    network: Network
    state: Path | None = None
    monitor: ModelMonitor = field(init=False)
    steps: int = 0
    validates: bool = True

    @classmethod
    def start(
        cls,
        world: World,
        name: str,
        *,
        data: str | Data = "digits",
        place: Mapping[str, str] = FILE,
        drift: bool = False,
        saves: bool = False,
        kept: bool = False,
        listens: bool = True,
        validates: bool = True,
        step_seconds: float | None = None,
        **settings: Any,
    ) -> Run:
        """Start one.

        Args:
            world: Where it lives.
            name: Of the run.
            data: What it trains on.
            place: Labels of its target.
            drift: Whether its features are compared with the training data.
            saves: Whether it keeps a state from which another process can resume it.
            kept: Whether its target stays in discovery after the end.
            listens: Whether it makes its monitor at once.
            validates: Whether it validates after each epoch.
            step_seconds: Of a step; drawn by default.
            settings: Of its monitor.
        """
        known = data if isinstance(data, Data) else load(data)
        setup = Setup.drawn(int(world.random.integers(2**31)), known.name)
        setup.data = known
        if step_seconds is not None:
            setup.step_seconds, setup.wait_seconds = step_seconds, 0.1 * step_seconds
        if drift:
            settings.setdefault("reference", _reference(known))
        network = Network(known.train.x.shape[1], known.classes, setup.hidden, setup.random)
        state = world.folder() if saves else None
        target = _target(world, name, place, kept, saves)
        run = cls(world, target, name, setup, place, settings, network, state, validates=validates)
        if listens:
            run.listen()
        return run

    def listen(self) -> None:
        """Make the monitor, as the script does when it has imported and loaded all that it needs."""
        data = self.setup.data
        scoring = (
            Scoring(task=None if data.classes else "regression", classes=data.classes or None)
            if "scoring" not in self.settings
            else self.settings["scoring"]
        )
        # In one process a monitor of the same name would replace the one before; in life these are different processes.
        self.monitor = ModelMonitor(
            self.world.model,
            run=f"{self.name}-{len(self.world.targets)}" if self.state is None else self.name,
            delivery=[],
            state=None if self.state is None else State(self.state, save_every=0.1),
            **{**self.settings, "scoring": scoring},
        )
        self.target.listens(self.monitor)

    def resume(self, **place: str) -> None:
        """Another process continues from the state. It takes its predecessor's file out of discovery."""
        self.target.leaves()
        self.target = _target(self.world, self.name, {**self.place, **place}, self.target.kept, saves=True)
        self.listen()

    # What a script does. Each yields the seconds that pass.

    def train(self, seconds: float = math.inf, *, steps: float = math.inf) -> Iterator[float]:
        """Train for a time or a number of steps, and validate after each epoch."""
        until, last = self.world.now + seconds, self.steps + steps
        while self.world.now < until and self.steps < last:
            yield from self.step()
            if self.steps % EPOCH_STEPS == 0:
                self.monitor.end_epoch()
                if self.validates:
                    yield 2 * self.setup.step_seconds
                    self.validate()

    def step(self) -> Iterator[float]:
        """One step of the network."""
        setup, random = self.setup, self.setup.random
        (batch,) = self.monitor.watch(self._loader())
        seen = Batch(np.nan_to_num(batch.x), batch.y)
        predicted = self.network.predict(seen.x)
        loss, rate = self.network.loss(predicted, batch.y), setup.rate(self.steps)
        gradient = setup.gradient(self.network.gradient(seen, setup.decay))
        size = norm(gradient)
        self.network.descend(gradient, rate * min(1.0, setup.clip / size) if size > 0 else rate)
        yield setup.step_seconds * random.uniform(0.9, 1.1)
        self.monitor.step(
            loss=loss,
            y_true=targets(batch, setup.data),
            y_pred=predicted.argmax(axis=1) if setup.data.classes else predicted,
            features=setup.data.watched(batch.x) if self._compares else None,
            learning_rate=rate,
            gradient_norm=size,
        )
        self.steps += 1

    def record(
        self,
        seconds: float,
        numbers: Callable[[float], Mapping[str, float]],
        *,
        evaluated_every: int = EPOCH_STEPS,
    ) -> Iterator[float]:
        """Steps of a loop that no small network stands for.

        Args:
            seconds: For which it lasts.
            numbers: What is recorded of a step, by the share of that time that has passed.
            evaluated_every: Steps after which the same is recorded of validation data; 0 for never.
        """
        begin = self.world.now
        while (share := (self.world.now - begin) / seconds) < 1:
            yield self.setup.step_seconds * self.setup.random.uniform(0.9, 1.1)
            self.monitor.step(**numbers(share))
            self.steps += 1
            if evaluated_every and self.steps % evaluated_every == 0:
                self.monitor.end_epoch()
                self.monitor.evaluate("validation", loss=numbers(share)["loss"], samples=500)

    def validate(self, split: str = "validation") -> None:
        """A whole pass, at once."""
        evaluate(self.network, self.monitor, self.setup.data, split)

    def evaluate(self, seconds: float, batches: int, split: str = "validation") -> Iterator[float]:
        """A whole pass, batch by batch."""
        data = self.setup.data
        whole = data.validation if split == "validation" or data.test is None else data.test
        with self.monitor.evaluation(split) as evaluation:
            for number in range(batches):
                yield seconds / batches
                rows = slice(number % len(whole.y), number % len(whole.y) + 8)
                batch = Batch(whole.x[rows], whole.y[rows])
                predicted = self.network.predict(batch.x)
                evaluation.update(
                    loss=self.network.loss(predicted, batch.y), y_true=targets(batch, data), y_pred=predicted
                )

    # How a process ends.

    def end(self) -> None:
        """Training is over."""
        self.monitor.close()
        self.target.ends("finished")

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._raise(KeyboardInterrupt())
        self.target.ends("interrupted")

    def preempt(self) -> None:
        """SIGTERM: the process waits for a scrape while it is granted."""
        self.monitor.close("interrupted")
        self.target.ends("interrupted", at_most=GRACE_SECONDS)

    def crash(self) -> None:
        """An exception that nothing catches."""
        self._raise(OutOfMemoryError("CUDA out of memory"))
        self.target.ends("failed")

    def kill(self) -> None:
        """SIGKILL: no code of the process runs any more, and what it had saved stays."""
        self.target.dies()
        if self.state is not None:
            time.sleep(10 * SAVING_SECONDS)
            saved = self.world.folder() / "state"
            shutil.copytree(self.state, saved)
            self.state = saved
        self.monitor.close("interrupted")

    def _raise(self, error: BaseException) -> None:
        with suppress(type(error)), self.monitor:
            raise error

    @property
    def _compares(self) -> bool:
        return "reference" in self.settings or "drift" in self.settings

    def _loader(self) -> Iterator[Batch]:
        setup = self.setup
        self.world.clock.move(setup.wait_seconds * setup.random.uniform(0.8, 1.2))
        train = setup.data.train
        chosen = setup.random.integers(0, len(train.y), setup.batch)
        yield setup.spoil(Batch(train.x[chosen], train.y[chosen]))


def together(world: World, scripts: Sequence[Iterator[float]]) -> Iterator[float]:
    """Several scripts at the same time; it ends with the last."""
    left = len(scripts)

    def counted(script: Iterator[float]) -> Iterator[float]:
        nonlocal left
        yield from script
        left -= 1

    for script in scripts:
        world.spawn(counted(script))
    while left:
        yield 1.0


def _target(world: World, name: str, place: Mapping[str, str], kept: bool, saves: bool) -> Target:
    """A target of its own address, which Prometheus finds from the next scrape on."""
    number = len(world.targets)
    labels = dict(place)
    if "namespace" in labels:
        labels.setdefault("pod", f"{name}-{number}")
    recording = Recording(
        Identity(world.model, name), world.scrapes, labels=labels, named="namespace" not in labels
    )
    # Situations that are replayed side by side share no address: rules tell processes apart by it.
    target = Target(world, recording, f"{world.model}:{9000 + number}", kept, saves)
    world.targets.append(target)
    return target


@cache
def _reference_by_name(name: str) -> Reference:
    return reference_of(load(name))


def _reference(data: Data) -> Reference:
    return _reference_by_name(data.name) if data is load(data.name) else reference_of(data)
