"""Thresholds as a user writes them."""

import math

import pytest

from traingauge.core.thresholds import METRICS, family, parse
from traingauge.errors import InvalidArgumentError, InvalidTypeError, TrainGaugeError, UnknownNameError


def test_a_bare_number_is_the_warning() -> None:
    assert [(one.metric, one.severity, one.value) for one in parse({"recall": 0.9})] == [
        ("recall", "warning", 0.9)
    ]


def test_both_severities_can_be_set() -> None:
    assert {one.severity: one.value for one in parse({"loss": {"critical": 5, "warning": 2}})} == {
        "warning": 2.0,
        "critical": 5.0,
    }


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"acuracy": 0.9}, UnknownNameError, "'acuracy': expected one of 'accuracy'"),
        ({"accuracy": {"warn": 0.9}}, UnknownNameError, "'warn': expected one of 'warning', 'critical'"),
        ({"accuracy": "0.9"}, InvalidTypeError, "'0.9': expected a number"),
        ({"accuracy": True}, InvalidTypeError, "True: expected a number"),
        ({"accuracy": math.nan}, InvalidArgumentError, "nan: expected a finite number"),
        ({"accuracy": 95}, InvalidArgumentError, "95.0: expected 0 to 1"),
        ({"feature_drift": -0.1}, InvalidArgumentError, "-0.1: expected at least 0"),
        ({"failing_probability": 20}, InvalidArgumentError, "20.0: expected 0 to 1"),
        ({"features_drifted_ratio": 30}, InvalidArgumentError, "30.0: expected 0 to 1"),
        ({"stuck_seconds": 0}, InvalidArgumentError, "0.0: expected at least 1"),
        (
            {"stuck_seconds": {"warning": 60, "critical": 30}},
            InvalidArgumentError,
            "has to lie above warning",
        ),
        ({"accuracy": {"warning": 0.8, "critical": 0.9}}, InvalidArgumentError, "has to lie below warning"),
        ({"loss": {"warning": 2, "critical": 1}}, InvalidArgumentError, "has to lie above warning"),
        ([("accuracy", 0.9)], InvalidTypeError, "expected a mapping"),
    ],
)
def test_what_does_not_fit_says_what_was_given_and_what_fits(given: object, error: type, says: str) -> None:
    with pytest.raises(error, match=says) as raised:
        parse(given)
    assert isinstance(raised.value, TrainGaugeError)


def test_every_metric_may_have_a_threshold() -> None:
    parsed = parse(dict.fromkeys(METRICS, 1.0))
    assert [one.metric for one in parsed] == list(METRICS)


def test_a_later_threshold_replaces_an_earlier_one_of_the_same_labels() -> None:
    read = family([*parse({"accuracy": 0.9}), *parse({"accuracy": 0.95})])
    assert list(read.values) == [0.95]
