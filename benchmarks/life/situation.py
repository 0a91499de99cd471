"""What a situation is, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.life.world import Script, World
from simulation.clock import MINUTE

#: What happens in a situation.
Happening = Callable[[World], Script]

#: Seconds for which Prometheus is watched after the last thing that happened; longer after a death, which is remembered for
#: half an hour.
AFTERWARDS, AFTER_DEATH = 12 * MINUTE, 35 * MINUTE


@dataclass(frozen=True, slots=True)
class Situation:
    """Something that happens in ordinary life, or a death.

    Attributes:
        name: Of it.
        what: In one sentence.
        happens: What happens.
        reported_by: The alert that reports a death; empty where no one has to do anything.
        knowable: When Prometheus can know of a death, in words.
        afterwards: Seconds for which Prometheus is watched after that.
    """

    name: str
    what: str
    happens: Happening
    reported_by: str = ""
    knowable: str = ""
    afterwards: float = AFTERWARDS

    @property
    def is_death(self) -> bool:
        """Whether something dies that has to be reported."""
        return bool(self.reported_by)


_ALL: dict[str, Situation] = {}


def ordinary(happens: Happening) -> Happening:
    """One in which no one has to do anything; the first line of its docstring says what happens."""
    _add(Situation(happens.__name__, _said(happens), happens))
    return happens


def death(reported_by: str, knowable: str = "at the next scrape") -> Callable[[Happening], Happening]:
    """One that has to be reported once.

    Args:
        reported_by: Name of the alert that reports it.
        knowable: When Prometheus can know of it.
    """

    def add(happens: Happening) -> Happening:
        said = _said(happens)
        _add(Situation(happens.__name__, said, happens, f"Model{reported_by}", knowable, AFTER_DEATH))
        return happens

    return add


def situations() -> Mapping[str, Situation]:
    """All of them, by name."""
    # Imported here, because they register themselves.
    import benchmarks.life.situations  # noqa: F401

    return _ALL


def _add(situation: Situation) -> None:
    assert situation.name not in _ALL, situation.name
    _ALL[situation.name] = situation


def _said(happens: Happening) -> str:
    return " ".join((happens.__doc__ or "").split())
