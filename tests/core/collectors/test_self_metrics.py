"""The monitor watching itself."""

import logging

import pytest

from traingauge.core.collectors.self_metrics import REASONS, SelfMetrics


def test_every_label_set_that_alerts_count_on_exists_at_0_from_the_start() -> None:
    families = list(SelfMetrics().families({}))
    assert all(len(family.values) > 0 for family in families)
    assert all(value == 0 for family in families for value in family.values)


def test_an_error_is_logged_once_for_each_reason_and_counted_every_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    self_metrics = SelfMetrics()
    with caplog.at_level(logging.WARNING, "traingauge"):
        for _ in range(3):
            for reason in REASONS:
                self_metrics.failed(reason, ValueError("broken"))
    assert len(caplog.records) == len(REASONS)
    assert set(self_metrics.errors.values()) == {3}
