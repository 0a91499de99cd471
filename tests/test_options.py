"""Settings are frozen values that are checked when they are made."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from traingauge.errors import (
    InvalidArgumentError,
    InvalidTypeError,
    ReferenceMismatchError,
    TrainGaugeError,
    UnknownNameError,
)
from traingauge.options import Drift, Scoring, State
from traingauge.reference import Reference

REFERENCE = Reference.from_data(np.random.default_rng(0).normal(size=(500, 2)))


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"window": 0}, InvalidArgumentError, "Scoring.window is 0: expected at least 1"),
        ({"window": 1.5}, InvalidTypeError, "Scoring.window is 1.5: expected a whole number"),
        ({"window": True}, InvalidTypeError, "Scoring.window is True: expected a whole number"),
        (
            {"task": "clustering"},
            UnknownNameError,
            "unknown Scoring.task 'clustering': expected one of 'binary'",
        ),
        ({"task": ["binary"]}, UnknownNameError, "unknown Scoring.task"),
        ({"average": "harmonic"}, UnknownNameError, "unknown Scoring.average 'harmonic': expected one of"),
        ({"classes": 0}, InvalidArgumentError, "Scoring.classes is 0: expected 1 to"),
        ({"classes": ["a", "a"]}, InvalidArgumentError, "Scoring.classes=.* names a class twice"),
        ({"classes": [1.5]}, InvalidTypeError, "Scoring.classes="),
        ({"classes": 2.5}, InvalidTypeError, "Scoring.classes is 2.5: expected their number or their names"),
        (
            {"decision_threshold": 1},
            InvalidArgumentError,
            "Scoring.decision_threshold is 1.0: expected above 0 and below 1",
        ),
        ({"decision_threshold": "half"}, InvalidTypeError, "Scoring.decision_threshold is 'half'"),
        ({"from_logits": "yes"}, InvalidTypeError, "Scoring.from_logits is 'yes': expected True or False"),
        ({"task": "binary", "classes": 3}, InvalidArgumentError, "Scoring.classes has 3 classes: expected 2"),
        (
            {"task": "multiclass", "average": "binary"},
            InvalidArgumentError,
            "positive class.*expected 'macro'",
        ),
    ],
)
def test_scoring_that_does_not_fit_names_the_field_and_what_fits(
    fields: dict[str, object], error: type, says: str
) -> None:
    with pytest.raises(error, match=says) as raised:
        Scoring(**fields)
    assert isinstance(raised.value, TrainGaugeError)


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        (
            {"reference": "data.reference"},
            InvalidTypeError,
            "Drift.reference is a str: expected a Reference, as",
        ),
        ({"window": 0}, InvalidArgumentError, "Drift.window is 0: expected at least 1"),
        ({"kind": "hopping"}, UnknownNameError, "unknown Drift.kind 'hopping': expected one of 'sliding'"),
        ({"statistics": ["kl"]}, UnknownNameError, "unknown Drift.statistics 'kl': expected one of"),
        ({"statistics": "psi"}, InvalidTypeError, "Drift.statistics is 'psi': expected names, as"),
        ({"multivariate": 1}, InvalidTypeError, "Drift.multivariate is 1: expected True or False"),
        ({"sampling": 0.0}, InvalidArgumentError, "Drift.sampling is 0.0: expected above 0 and at most 1"),
        ({"sampling": 1.5}, InvalidArgumentError, "Drift.sampling is 1.5"),
        ({"sampling": math.nan}, InvalidArgumentError, "Drift.sampling is nan"),
        ({"distributions": -1}, InvalidArgumentError, "Drift.distributions is -1: expected 0 to 50"),
        ({"distributions": 51}, InvalidArgumentError, "Drift.distributions is 51: expected 0 to 50"),
        ({"distributions": None}, InvalidTypeError, "Drift.distributions is None: expected a whole number"),
    ],
)
def test_drift_that_does_not_fit_names_the_field_and_what_fits(
    fields: dict[str, object], error: type, says: str
) -> None:
    with pytest.raises(error, match=says):
        Drift(**{"reference": REFERENCE} | fields)


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"directory": 3}, InvalidTypeError, "State.directory is 3: expected a path"),
        ({"directory": ""}, InvalidArgumentError, "State.directory is empty: expected a path"),
        ({"directory": "a\0b"}, InvalidArgumentError, "State.directory is 'a.*b', which holds a NUL"),
        ({"save_every": 0}, InvalidArgumentError, "State.save_every is 0.0: expected at least 0.1 seconds"),
        ({"save_every": math.nan}, InvalidArgumentError, "State.save_every is nan"),
        ({"log_bytes": 1000}, InvalidArgumentError, "State.log_bytes is 1000: expected at least 1048576"),
        ({"save_every": "often"}, InvalidTypeError, "State.save_every is 'often': expected a number"),
    ],
)
def test_state_that_does_not_fit_names_the_field_and_what_fits(
    fields: dict[str, object], error: type, says: str
) -> None:
    with pytest.raises(error, match=says):
        State(**{"directory": "runs"} | fields)


@pytest.mark.parametrize("setting", [Scoring(), Drift(REFERENCE), State("runs")])
def test_a_setting_cannot_be_changed(setting: object) -> None:
    for field in dataclasses.fields(setting):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(setting, field.name, None)


def test_a_list_that_the_caller_changes_later_changes_no_setting() -> None:
    classes, statistics = ["cat", "dog"], ["ks"]
    scoring, drift = Scoring(classes=classes), Drift(REFERENCE, statistics=statistics)
    classes.append("bird")
    statistics.append("js")
    assert scoring.classes == ("cat", "dog")
    assert drift.published == ("psi", "ks")


def test_the_drift_window_is_by_default_the_one_that_the_reference_is_calibrated_for() -> None:
    calibrated = REFERENCE.calibrate(window=200)
    assert Drift(REFERENCE).window_size == 1000
    assert Drift(calibrated).window_size == 200
    with pytest.raises(ReferenceMismatchError, match=r"Drift\.window is 300: expected 200"):
        Drift(calibrated, window=300)


def test_a_state_directory_may_be_a_string_or_a_path() -> None:
    assert State("runs/digits") == State(Path("runs/digits"))
