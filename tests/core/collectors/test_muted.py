"""A run names the alerts that it does not raise."""

import pytest

from traingauge import ModelMonitor
from traingauge.errors import InvalidArgumentError, InvalidTypeError
from traingauge.testing import InMemory


def muted(mute) -> list[str]:
    with ModelMonitor("m", mute=mute, delivery=[published := InMemory()]) as monitor:
        monitor.step(loss=1.0)
    return sorted(
        dict(labels)["alertname"] for name, labels in published.samples() if name == "model_run_muted"
    )


def test_each_name_is_published_once():
    assert muted(["ModelStuck", "ModelLossDiverging", "ModelStuck"]) == ["ModelLossDiverging", "ModelStuck"]


def test_a_run_that_mutes_nothing_publishes_nothing():
    assert muted(None) == []


@pytest.mark.parametrize("mute", ["ModelStuck", 3, [None]])
def test_what_is_no_list_of_names_raises(mute):
    with pytest.raises(InvalidTypeError, match=r"mute is .*: expected names"):
        ModelMonitor("m", mute=mute, delivery=[])


@pytest.mark.parametrize("name", ["", "stuck", "LossDiverging", "Model*"])
def test_what_cannot_be_an_alert_about_a_run_raises(name):
    with pytest.raises(InvalidArgumentError, match=r"mute has .*: expected names of alerts"):
        ModelMonitor("m", mute=[name], delivery=[])


def test_a_name_that_no_alert_has_is_logged_once_with_those_like_it_and_muted(caplog):
    assert muted(["ModelStuk"]) == muted(["ModelStuk"]) == ["ModelStuk"]
    (record,) = caplog.records
    assert "mute has 'ModelStuk'" in record.getMessage()
    assert "did you mean 'ModelStuck'" in record.getMessage()


def test_an_alert_that_is_about_no_run_is_logged(caplog):
    muted(["ModelManyRunsFailing"])
    assert "'ModelManyRunsFailing', and traingauge" in caplog.text


def test_a_name_of_an_alert_is_not_logged(caplog):
    muted(["ModelStuck"])
    assert not caplog.records


def test_a_name_that_is_too_long_for_a_label_raises():
    with pytest.raises(InvalidArgumentError, match=r"a name in mute is .*: expected 1 to 200"):
        ModelMonitor("m", mute=["Model" + "X" * 196], delivery=[])
