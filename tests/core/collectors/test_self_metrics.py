"""Metrics of the monitor itself."""

from traingauge.core.collectors.self_metrics import SelfMetrics
from traingauge.core.guard import Guard


def test_every_label_set_that_alerts_count_on_exists_at_0_from_the_start() -> None:
    families = list(SelfMetrics(Guard()).families())
    assert all(len(family.values) > 0 for family in families)
    assert all(value == 0 for family in families for value in family.values)


def test_errors_of_an_earlier_process_are_added_to_those_of_this_one() -> None:
    before, now = Guard(), Guard()
    for guard in (before, before, now):
        guard.report("state", OSError("disk full"))
    SelfMetrics(now).restore(SelfMetrics(before).save())
    assert now.errors["state"] == 3
