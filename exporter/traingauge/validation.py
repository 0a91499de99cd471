"""Checks of arguments: each returns the value it was given, or raises an error that names it and says what fits."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG, RUN_LABELS
from traingauge.errors import InvalidArgumentError, InvalidTypeError, ShapeError, UnknownNameError, shown

T = TypeVar("T")
N = TypeVar("N", int, float)

#: Largest whole number up to which float64 holds all.
MOST_COUNTED = 2**53

#: Longest name of a model or a run.
NAME_LENGTH = 200

#: Most labels of a run, as the scrape configuration bounds those of a sample; and the longest name of one.
MOST_LABELS, LABEL_LENGTH = 8, 50

#: Names that labels of a run cannot have: those of metrics, those by which Prometheus and its rules find a target, and those
#: of alerts and of recorded series.
LABELS_IN_USE = frozenset(
    {
        *RUN_LABELS,
        *(label for metric in CATALOG.values() for label in metric.possible_labels),
        *("cluster", "namespace", "job", "instance", "pod", "container", "ended"),
        *("alertname", "alertstate", "severity", "start", "of", "le", "quantile"),
    }
)

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def name(what: str, value: object) -> str:
    """A name: 1 to :data:`NAME_LENGTH` printable characters.

    Raises:
        InvalidTypeError: No string.
        InvalidArgumentError: Empty, too long, or with characters that cannot be printed.
    """
    if not isinstance(value, str):
        raise InvalidTypeError(f"{what} is {shown(value)}: expected a name, as str")
    if not value.strip() or len(value) > NAME_LENGTH or not value.isprintable():
        raise InvalidArgumentError(
            f"{what} is {shown(value)}: expected 1 to {NAME_LENGTH} printable characters"
        )
    return value


def count(what: str, value: object, *, least: int = 1, most: int | None = None) -> int:
    """A whole number of a range.

    Raises:
        InvalidTypeError: No whole number.
        InvalidArgumentError: Out of range.

    >>> count("Scoring.window", 0)
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: Scoring.window is 0: expected at least 1
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InvalidTypeError(f"{what} is {shown(value)}: expected a whole number")
    found = _converted(int, what, value, "a whole number")
    if found < least or (most is not None and found > most):
        fits = f"at least {least}" if most is None else f"{least} to {most}"
        raise InvalidArgumentError(f"{what} is {found}: expected {fits}")
    return found


def number_of(what: str, value: object) -> int:
    """A whole number of at least 0 of any type: an integer, a float like 32.0, or an array or tensor with one element.

    Raises:
        InvalidTypeError: No number.
        InvalidArgumentError: Negative, not whole, or more than float64 counts exactly.

    >>> number_of("samples", np.float32(32))
    32
    >>> number_of("samples", -5)
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: samples is -5: expected a whole number of at least 0
    """
    if type(value) is int and 0 <= value <= MOST_COUNTED:
        return value
    try:
        found = float(value.item() if hasattr(value, "item") else value)  # type: ignore[arg-type]
    except Exception as error:
        raise InvalidTypeError(f"{what} is {shown(value)}: expected a whole number of at least 0") from error
    if isinstance(value, str) or not 0 <= found <= MOST_COUNTED or found != int(found):
        raise InvalidArgumentError(f"{what} is {shown(value)}: expected a whole number of at least 0")
    return int(found)


def _converted(kind: type[N], what: str, value: Any, fits: str) -> N:
    """A value that says it is a number as one; numpy's durations say so too."""
    try:
        return kind(value)
    except TypeError as error:
        raise InvalidTypeError(f"{what} is {shown(value)}: expected {fits}") from error


def optional_count(what: str, value: object) -> int | None:
    """A whole number of at least 1, or ``None``.

    Raises:
        InvalidTypeError: No whole number.
        InvalidArgumentError: Below 1.
    """
    return None if value is None else count(what, value)


def seconds(what: str, value: object, *, least: float) -> float:
    """A finite duration in seconds, at least ``least``.

    Raises:
        InvalidTypeError: No number.
        InvalidArgumentError: Too short, NaN or infinite.
    """
    found = number(what, value)
    if not least <= found < math.inf:
        raise InvalidArgumentError(f"{what} is {found}: expected at least {least} seconds")
    return found


def number(
    what: str,
    value: object,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    """A real number of a range.

    Raises:
        InvalidTypeError: No number.
        InvalidArgumentError: Out of range, or NaN where there is a range.

    >>> number("Drift.sampling", 2, above=0, most=1)
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: Drift.sampling is 2.0: expected above 0 and at most 1
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidTypeError(f"{what} is {shown(value)}: expected a number")
    try:
        found = _converted(float, what, value, "a number")
    except OverflowError:  # a whole number beyond all floats
        found = -math.inf if value < 0 else math.inf
    limits = {
        f"at least {least}": least is None or found >= least,
        f"above {above}": above is None or found > above,
        f"at most {most}": most is None or found <= most,
        f"below {below}": below is None or found < below,
    }
    if not all(limits.values()):
        fits = " and ".join(limit for limit in limits if not limit.endswith("None"))
        raise InvalidArgumentError(f"{what} is {found}: expected {fits}")
    return found


def path(what: str, value: object) -> Path:
    """A path.

    Raises:
        InvalidTypeError: No string or path.
        InvalidArgumentError: An empty string, or one that no file can be named.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidTypeError(f"{what} is {shown(value)}: expected a path")
    if not os.fspath(value):
        raise InvalidArgumentError(f"{what} is empty: expected a path")
    try:
        encoded = os.fsencode(value)
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(
            f"{what} is {shown(value)}, a name that no file can have: {error}"
        ) from error
    if b"\0" in encoded:
        raise InvalidArgumentError(f"{what} is {shown(value)}, which holds a NUL: expected a path")
    return Path(value)


def array(what: str, value: NDArray[Any], *shape: int | None) -> NDArray[Any]:
    """An array of numbers or truth values of a shape, in which ``None`` stands for any length.

    Raises:
        InvalidTypeError: No such array.
        ShapeError: Another shape.

    >>> array("edges", np.zeros(3), 2, None)
    Traceback (most recent call last):
    traingauge.errors.ShapeError: edges has shape (3,): expected (2, any)
    """
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise InvalidTypeError(f"{what} is {type(value).__name__}: expected an array of numbers")
    if len(shape) != value.ndim or any(
        one is not None and one != given for one, given in zip(shape, value.shape, strict=True)
    ):
        fits = ", ".join("any" if one is None else str(one) for one in shape)
        raise ShapeError(f"{what} has shape {value.shape}: expected ({fits})")
    return value


def host(what: str, value: object) -> str:
    """A host name or address, with or without a port.

    Raises:
        InvalidTypeError: No string.
        InvalidArgumentError: Something else, such as a URL.

    >>> host("advertise", "http://a")
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: advertise is 'http://a': expected a host or host:port, as 'trainer-1:9109'
    """
    if not isinstance(value, str):
        raise InvalidTypeError(f"{what} is {shown(value)}: expected a host or host:port, as 'trainer-1:9109'")
    name = r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]"
    match = re.fullmatch(rf"(?:{name})(?::(\d{{1,5}}))?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", value)
    if not match or not 0 < int(match[1] or 1) <= 65535:
        raise InvalidArgumentError(
            f"{what} is {shown(value)}: expected a host or host:port, as 'trainer-1:9109'"
        )
    return value


def http_url(what: str, value: object) -> str:
    """An HTTP address without credentials, which would end up in logs.

    Raises:
        InvalidTypeError: No string.
        InvalidArgumentError: Not a ``http://`` or ``https://`` address, or one with a password, query or fragment.

    >>> http_url("Alertmanager.url", "http://user:secret@example.org")
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: Alertmanager.url holds a user or password: expected it in credentials_file
    """
    if not isinstance(value, str):
        raise InvalidTypeError(f"{what} is a {type(value).__name__}: expected an address, as str")
    if "@" in value:
        raise InvalidArgumentError(f"{what} holds a user or password: expected it in credentials_file")
    if "?" in value or "#" in value:
        raise InvalidArgumentError(f"{what} holds a query or fragment: expected an address without")
    match = re.fullmatch(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[^/:\[\]]+)(?::(\d{1,5}))?(?:/.*)?", value)
    usable = value.isascii() and value.isprintable() and " " not in value
    if not match or not usable or int(match[1] or 0) > 65535:
        raise InvalidArgumentError(
            f"{what} is {shown(value)}: expected an address like 'http://127.0.0.1:9093'"
        )
    return value


def http_urls(what: str, value: object) -> tuple[str, ...]:
    """At least one HTTP address.

    Raises:
        InvalidTypeError: No list of strings.
        InvalidArgumentError: None, or one that does not fit.
    """
    urls = listed(what, value, "an address, or a list of them")
    if not urls:
        raise InvalidArgumentError(f"{what} is empty: expected at least one address")
    return tuple(http_url(f"{what}[{at}]", one) for at, one in enumerate(urls))


def listed(what: str, value: object, expected: str) -> tuple[object, ...]:
    """The items of a list or a tuple; nothing else is iterated, as a view of memory that has two dimensions cannot be.

    Args:
        what: Name of the argument, for the error.
        value: What was given.
        expected: What fits, for the error.

    Raises:
        InvalidTypeError: No list and no tuple.

    >>> listed("delivery", "pushgateway", "a list of deliveries, as [Endpoint()]")
    Traceback (most recent call last):
    traingauge.errors.InvalidTypeError: delivery is a str: expected a list of deliveries, as [Endpoint()]
    """
    if not isinstance(value, (list, tuple)):
        raise InvalidTypeError(f"{what} is a {type(value).__name__}: expected {expected}")
    return tuple(value)


def names(what: str, value: object) -> tuple[str, ...]:
    """Names, as a tuple.

    Raises:
        InvalidTypeError: No iterable of hashable values, or a single string.

    >>> names("categorical", "port")
    Traceback (most recent call last):
    traingauge.errors.InvalidTypeError: categorical is 'port': expected names, as ['a', 'b']
    """
    try:
        found: tuple[object, ...] = () if isinstance(value, (str, bytes)) else tuple(value)  # type: ignore[arg-type]
    except Exception as error:
        raise InvalidTypeError(f"{what} is {shown(value)}: expected names, as ['a', 'b']") from error
    if isinstance(value, (str, bytes)) or not all(isinstance(name, (str, Integral)) for name in found):
        raise InvalidTypeError(f"{what} is {shown(value)}: expected names, as ['a', 'b']")
    return tuple(map(str, found))


def labels(what: str, value: object) -> dict[str, str]:
    """Labels of a run: up to :data:`MOST_LABELS` names that neither the catalogue, Prometheus nor its rules use.

    Raises:
        InvalidTypeError: No mapping of strings to strings.
        InvalidArgumentError: Too many, a name that Prometheus does not take or that is in use, or a value that is empty, too
            long, or with characters that cannot be printed.

    >>> labels("labels", {"team": "vision", "run": "r"})
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: labels has 'run': expected another name, as this one is in use
    """
    if not isinstance(value, Mapping) or not all(
        isinstance(part, str) for pair in value.items() for part in pair
    ):
        raise InvalidTypeError(f"{what} is {shown(value)}: expected strings by name, as {{'team': 'vision'}}")
    if len(value) > MOST_LABELS:
        raise InvalidArgumentError(f"{what} has {len(value)} labels: expected at most {MOST_LABELS}")
    for label, text in value.items():
        if not _LABEL.fullmatch(label) or label.startswith(("__", "exported_")) or len(label) > LABEL_LENGTH:
            raise InvalidArgumentError(
                f"{what} has {shown(label)}: expected up to {LABEL_LENGTH} letters, digits and underscores, "
                "without __ or exported_ in front"
            )
        if label in LABELS_IN_USE:
            raise InvalidArgumentError(f"{what} has {label!r}: expected another name, as this one is in use")
        name(f"{what}[{label!r}]", text)
    return dict(value)


def function(what: str, value: T) -> T:
    """A function.

    Raises:
        InvalidTypeError: Nothing that can be called.
    """
    if not callable(value):
        raise InvalidTypeError(f"{what} is {shown(value)}: expected a function")
    return value


def choice(what: str, value: T, known: Collection[str]) -> T:
    """One of a few names.

    Raises:
        UnknownNameError: Another one.
    """
    if not isinstance(value, str) or value not in known:
        raise UnknownNameError(what, value, known)
    return value


def flag(what: str, value: object) -> bool:
    """True or false.

    Raises:
        InvalidTypeError: Anything else.
    """
    if not isinstance(value, bool):
        raise InvalidTypeError(f"{what} is {shown(value)}: expected True or False")
    return value


def instance(what: str, value: object, kind: type[T], example: str) -> T:
    """A value of a type.

    Args:
        what: Its name, for the error.
        value: The value.
        kind: Its type.
        example: How to make one, for the error.

    Raises:
        InvalidTypeError: Of another type.
    """
    if not isinstance(value, kind):
        raise InvalidTypeError(
            f"{what} is a {type(value).__name__}: expected {_article(kind.__name__)} {kind.__name__}, as {example}"
        )
    return value


def _article(noun: str) -> str:
    return "an" if noun[0] in "AEIOU" else "a"
