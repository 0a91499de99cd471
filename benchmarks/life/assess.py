"""From situations to what was sent in them, several at a time."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from benchmarks.alerts.inhibition import Labels, Policy
from benchmarks.life.away import AWAKE, awake, rules_while_awake
from benchmarks.life.situation import Situation, situations
from benchmarks.life.world import World
from simulation.replay import EVALUATION_SECONDS, Prometheus, replay

T = TypeVar("T")

#: Situations, and series, that are replayed side by side: with many more, promtool refuses to hold that many samples, and
#: runs that die would be many that fail at once.
TOGETHER, SERIES = 6, 2000


@dataclass(frozen=True, slots=True)
class Case:
    """One situation, once.

    Attributes:
        name: Of the situation.
        seed: Of everything random in it.
        interval: Seconds between two scrapes.
    """

    name: str
    seed: int
    interval: float

    @property
    def evaluation(self) -> float:
        """Seconds between two evaluations of the rules: half as often as a scrape of 15 s saves half of the time."""
        return max(self.interval, EVALUATION_SECONDS)

    @property
    def situation(self) -> Situation:
        """What happens."""
        return situations()[self.name]


@dataclass(frozen=True, slots=True)
class Seen:
    """What Prometheus saw of one situation.

    Attributes:
        case: Which one.
        series: In promtool's notation.
        seconds: For how long.
        away: From when to when it was away.
        knowable: Seconds at which it could know of the death; ``None`` where nothing died.
    """

    case: Case
    series: Mapping[str, str]
    seconds: float
    away: Sequence[tuple[float, float]]
    knowable: float | None


@dataclass(frozen=True, slots=True)
class Notification:
    """An alert that began to fire, was not muted, and is sent to a person.

    Attributes:
        name: Of the alert.
        severity: Of it.
        run: Whose it is.
        at: Seconds since the first scrape.
    """

    name: str
    severity: str
    run: str
    at: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was sent in one situation.

    Attributes:
        case: Which one.
        knowable: Seconds at which Prometheus could know of the death; ``None`` where nothing died.
        sent: In the order of time.
    """

    case: Case
    knowable: float | None
    sent: tuple[Notification, ...]

    @property
    def took(self) -> float | None:
        """Seconds from when Prometheus could know of the death to its alert; ``None`` without one."""
        name, knowable = self.case.situation.reported_by, self.knowable
        assert knowable is not None
        return next((one.at - knowable for one in self.sent if one.name == name), None)

    @property
    def once(self) -> bool:
        """Whether nothing but the death was sent, and that once."""
        return [one.name for one in self.sent] == [self.case.situation.reported_by]


def outcomes(cases: Sequence[Case], processes: int, cache: Path | None = None) -> list[Outcome]:
    """Play situations and replay what Prometheus saw.

    Args:
        cases: The situations.
        processes: How many work at a time; 0 to do it in this process.
        cache: A folder that keeps what was recorded and replayed, so that it is not done twice.
    """
    play, find = partial(seen, cache=cache), partial(replayed, cache=cache)
    if not processes:
        return list(chain.from_iterable(map(find, groups([play(case) for case in cases]))))
    # The arrays are small: threads within an operation would only get in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        played = list(_counted(pool.map(play, cases), len(cases), "played"))
        together = groups(played)
        return list(chain.from_iterable(_counted(pool.map(find, together), len(together), "groups replayed")))


def groups(played: Iterable[Seen]) -> list[list[Seen]]:
    """Situations that can be replayed side by side, as they have the same Prometheus; one that is away is alone."""
    found: list[list[Seen]] = []
    for one in played:
        last = found[-1] if found else []
        alike = bool(last) and last[0].case.interval == one.case.interval and not (last[0].away or one.away)
        fits = len(last) < TOGETHER and sum(len(other.series) for other in [*last, one]) <= SERIES
        if alike and fits:
            last.append(one)
        else:
            found.append([one])
    return found


def replayed(together: Sequence[Seen], cache: Path | None = None) -> list[Outcome]:
    """What was sent in situations that are replayed side by side."""
    interval, away = together[0].case.interval, together[0].away
    series = {name: values for one in together for name, values in one.series.items()}
    seconds = max(one.seconds for one in together)
    with TemporaryDirectory() as temporary:
        evaluation = together[0].case.evaluation
        prometheus = Prometheus(interval, evaluation)
        if away:
            series[AWAKE] = awake(away, interval, round(seconds / interval) + 1)
            prometheus = Prometheus(interval, evaluation, tuple(rules_while_awake(Path(temporary))))
        # The path of the rules is part of what a cache knows a replay by.
        firing = replay(series, seconds, None if away else cache, prometheus)
    policy = Policy.shipped()
    sent = {number: policy.sent(alerts) for number, alerts in firing.items()}
    return [Outcome(one.case, one.knowable, tuple(_begun(one, sent))) for one in together]


def seen(case: Case, cache: Path | None = None) -> Seen:
    """Play one situation, or read from a folder what Prometheus saw of it."""
    if cache is None:
        return _played(case)
    path = cache / f"{case.name}-{case.seed}-{case.interval:g}.json"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}")
        half.write_text(json.dumps(asdict(_played(case))), encoding="utf-8")
        half.replace(path)
    found = json.loads(path.read_text(encoding="utf-8"))
    return Seen(case, found["series"], found["seconds"], found["away"], found["knowable"])


def _played(case: Case) -> Seen:
    world = World(case.name, case.seed, case.interval)
    world.play(case.situation.happens(world), case.situation.afterwards)
    series = {name: values for target in world.targets for name, values in target.recording.values()}
    return Seen(case, series, world.seconds, world.away, world.knowable)


def _begun(one: Seen, sent: Mapping[int, Sequence[Labels]]) -> Iterator[Notification]:
    """A notification for each time that an alert begins to be sent; one that is about no model counts for all."""
    before: set[tuple[tuple[str, str], ...]] = set()
    for number in range(round(one.seconds / one.case.evaluation) + 1):
        at = number * one.case.evaluation
        if any(begin <= at < end for begin, end in one.away):
            continue
        alerts = [
            alert for alert in sent.get(number, ()) if alert.get("model", one.case.name) == one.case.name
        ]
        firing = {tuple(sorted(alert.items())) for alert in alerts}
        for labels in sorted(firing - before):
            alert = dict(labels)
            yield Notification(alert["alertname"], alert["severity"], alert.get("run", ""), at)
        before = firing


def _counted(found: Iterator[T], of: int, what: str) -> Iterator[T]:
    for number, one in enumerate(found, start=1):
        print(f"{number} of {of} {what}", file=sys.stderr, flush=True)
        yield one
