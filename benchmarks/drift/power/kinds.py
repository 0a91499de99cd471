"""The data that drift is measured on: clean, and shifted in known ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Table = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Table]


@dataclass(frozen=True)
class Kind:
    """Data of one distribution.

    Attributes:
        draw: Clean data, shape (rows, features).
        shifts: By name, data that has shifted.
        categorical: Whether its numbers are categories.
    """

    draw: Draw
    shifts: Mapping[str, Draw] = field(default_factory=dict)
    categorical: bool = False


def _missing(draw: Draw) -> Draw:
    return lambda rng, size: np.where(rng.random(size) < 0.05, np.nan, draw(rng, size))


def _continuous(draw: Draw, deviation: float) -> Kind:
    shifts = {
        "mean + 0.25 sd": lambda rng, size: draw(rng, size) + 0.25 * deviation,
        "scale x 1.5": lambda rng, size: draw(rng, size) * 1.5,
        "5 % missing": _missing(draw),
    }
    return Kind(draw, shifts)


def _category(shares: NDArray[np.float64], doubled: int) -> Kind:
    more = shares * np.where(np.arange(len(shares)) == doubled, 2, 1)

    def draw(rng: np.random.Generator, size: tuple[int, int]) -> Table:
        return rng.choice(len(shares), size, p=shares / shares.sum()).astype(float)

    def shifted(rng: np.random.Generator, size: tuple[int, int]) -> Table:
        return rng.choice(len(more), size, p=more / more.sum()).astype(float)

    return Kind(draw, {"one category doubled": shifted, "5 % missing": _missing(draw)}, categorical=True)


def _counts(rate: float) -> Draw:
    return lambda rng, size: rng.poisson(rate, size).astype(float)


def _coin(share: float) -> Draw:
    return lambda rng, size: (rng.random(size) < share).astype(float)


def _pairs(correlation: float) -> Draw:
    """Normal features, of which the first two are correlated."""

    def draw(rng: np.random.Generator, size: tuple[int, int]) -> Table:
        rows = rng.normal(size=size)
        rows[:, 1] = correlation * rows[:, 0] + (1 - correlation**2) ** 0.5 * rows[:, 1]
        return rows

    return draw


#: By the name in the table.
KINDS: Mapping[str, Kind] = {
    "normal": _continuous(lambda rng, size: rng.normal(size=size), 1.0),
    "exponential": _continuous(lambda rng, size: rng.exponential(size=size), 1.0),
    "lognormal": _continuous(lambda rng, size: rng.lognormal(size=size), float(stats.lognorm(1).std())),
    "Student t, 3 df": _continuous(lambda rng, size: rng.standard_t(3, size), 3**0.5),
    "Poisson(4)": Kind(
        _counts(4),
        {"mean + 0.25 sd": _counts(4.5), "scale x 1.5": _counts(6), "5 % missing": _missing(_counts(4))},
    ),
    "binary": Kind(_coin(0.5), {"mean + 0.25 sd": _coin(0.625), "5 % missing": _missing(_coin(0.5))}),
    "3 categories": _category(np.array([0.6, 0.3, 0.1]), 2),
    "300 categories": _category(1 / np.arange(1, 301), 2),
}

#: Two features whose correlation flips from 0.5 to -0.5, while none by itself changes.
PAIRS = Kind(_pairs(0.5), {"correlation flipped": _pairs(-0.5)})
