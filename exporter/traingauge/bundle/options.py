"""What a platform may want otherwise in the files of the bundle: addresses, labels, thresholds, severities."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from traingauge.core.thresholds import METRICS, SEVERITIES
from traingauge.errors import InvalidArgumentError, UnknownNameError, shown
from traingauge.extras import require

#: What a rule may be as bad as; the worst first.
LEVELS = ("critical", "warning", "info")

#: The keys of a values file.
VALUES = ("thresholds", "severities", "namespace", "object_labels")

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OBJECT = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SPLITTING = re.compile(r"[\s'\"{}]")


@dataclass(frozen=True, slots=True)
class Options:
    """Everything by which an export may differ from the shipped files. The default is: in nothing.

    Attributes:
        runbooks: Address of the folder with the runbooks; ``None`` for the shipped one.
        dashboards: Address of Grafana; ``None`` for links that start with the path.
        labels: Labels that tell runs apart, in front of ``model`` and ``run``; ``None`` for the shipped ones.
        datasource_uid: The uid of the data source that the dashboards start with; ``None`` for the shipped one.
        thresholds: Default thresholds by metric, then severity; ``None`` as a value takes one away.
        severities: By name of an alert, a severity for the shipped one; ``None`` leaves the rule out.
        namespace: Of Kubernetes objects; ``None`` for that of ``kubectl``.
        object_labels: Labels of Kubernetes objects, such as ``release``, by which an operator selects them.

    Raises:
        InvalidArgumentError: A value does not fit; names it and says what does.

    >>> Options(severities={"ModelStuck": {"critical": "page"}})
    Traceback (most recent call last):
    traingauge.errors.UnknownNameError: unknown severity of ModelStuck 'page': expected one of 'critical', 'warning', 'info'
    """

    runbooks: str | None = None
    dashboards: str | None = None
    labels: tuple[str, ...] | None = None
    datasource_uid: str | None = None
    thresholds: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    severities: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    namespace: str | None = None
    object_labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("runbooks", "dashboards"):
            _check_url(name, getattr(self, name))
        for label in self.labels or ():
            _check(_LABEL, f"label {shown(label)}", label, "letters, digits and underscores")
            if label in ("model", "run"):
                raise InvalidArgumentError(f"label {label!r}: it is always there; give the others")
        if self.datasource_uid is not None:
            _check(
                re.compile(r"[\w-]{1,40}"),
                "datasource_uid",
                self.datasource_uid,
                "up to 40 letters, digits, - and _",
            )
        if self.namespace is not None:
            _check(_OBJECT, "namespace", self.namespace, "a name of Kubernetes, such as 'monitoring'")
        _check_thresholds(self.thresholds)
        _check_severities(self.severities)
        for key, value in _mapping("object_labels", self.object_labels).items():
            if not (isinstance(key, str) and isinstance(value, str)):
                raise InvalidArgumentError(
                    f"object_labels: {shown(key)}: {shown(value)}: expected text, in quotes"
                )

    @classmethod
    def read(cls, values: Path | None, **given: Any) -> Self:
        """Options from a values file and others that are given.

        Raises:
            InvalidArgumentError: The file cannot be read, or holds what does not fit.
            ImportError: A file needs PyYAML, which is not installed.
        """
        document: Any = {}
        if values is not None:
            yaml = require("yaml", "yaml")
            try:
                document = yaml.safe_load(values.read_text(encoding="utf-8")) or {}
            except (OSError, ValueError, yaml.YAMLError) as error:
                raise InvalidArgumentError(f"{values} cannot be read: {error}") from error
        for key in _mapping(str(values), document):
            if key not in VALUES:
                raise UnknownNameError(f"key of {values}", key, VALUES)
        return cls(**document, **given)

    def as_json(self) -> dict[str, Any]:
        """What differs from the default, as JSON takes it; ``Options.from_json`` reads it."""
        default = type(self)()
        return {name: value for name, value in asdict(self).items() if value != getattr(default, name)}

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Options from what :meth:`as_json` gave.

        Raises:
            InvalidArgumentError: The document is none of these.

        >>> Options.from_json(Options(labels=("cluster",)).as_json()).labels
        ('cluster',)
        """
        known = {one.name for one in fields(cls)}
        given = dict(_mapping("options", document))
        if not set(given) <= known:
            raise UnknownNameError("option", next(iter(set(given) - known)), sorted(known))
        if given.get("labels") is not None:
            given["labels"] = tuple(given["labels"])
        return cls(**given)


def _check_url(name: str, url: str | None) -> None:
    if url is not None and (not url.startswith(("http://", "https://")) or _SPLITTING.search(url)):
        raise InvalidArgumentError(f"{name}: expected the address of a page, https://…, got {shown(url)}")


def _check(pattern: re.Pattern[str], what: str, given: Any, fits: str) -> None:
    if not isinstance(given, str) or not pattern.fullmatch(given):
        raise InvalidArgumentError(f"{what}: expected {fits}, got {shown(given)}")


def _mapping(what: str, given: Any) -> Mapping[Any, Any]:
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(f"{what}: expected a mapping, got {shown(given)}")
    return given


def _check_thresholds(thresholds: Any) -> None:
    for metric, levels in _mapping("thresholds", thresholds).items():
        if metric not in METRICS:
            raise UnknownNameError("metric of a threshold", metric, METRICS)
        for severity, value in _mapping(f"thresholds of {metric}", levels).items():
            if severity not in SEVERITIES:
                raise UnknownNameError(f"severity of {metric}", severity, SEVERITIES)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if value is not None and not number:
                raise InvalidArgumentError(
                    f"threshold of {metric}: expected a number or null, got {shown(value)}"
                )


def _check_severities(severities: Any) -> None:
    for alert, changes in _mapping("severities", severities).items():
        for old, new in _mapping(f"severities of {alert}", changes).items():
            for severity in (old, new):
                if severity is not None and severity not in LEVELS:
                    raise UnknownNameError(f"severity of {alert}", severity, LEVELS)
