"""Notifications reach a person, and what shows them holds up nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from traingauge.stack.errors import ConfigError
from traingauge.stack.notification import Alert, Notification
from traingauge.stack.notifiers import each, on_desktop, on_terminal

#: What a program prints that was installed in the place of notify-send.
SCRIPT = """#!/bin/sh
for word; do printf '%s\\n' "$word"; done >"{folder}/said"
"""


def notification(summary: str = "The loss is NaN.", status: str = "firing") -> Notification:
    labels = {"alertname": "ModelLossNonFinite", "severity": "critical", "run": "r1"}
    alert = Alert(status, labels, {"summary": summary}, "", "")
    return Notification(0.0, status, "training", {}, (alert,))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def install(script: str) -> None:
        program = tmp_path / "notify-send"
        program.write_text(script.replace("{folder}", str(tmp_path)))
        program.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return install


def test_the_desktop_shows_the_first_line_as_title(install: Callable[[str], None], tmp_path: Path) -> None:
    install(SCRIPT)
    on_desktop()(notification())
    assert (tmp_path / "said").read_text().splitlines() == [
        "--app-name=traingauge",
        "--urgency=critical",
        "--",
        "[FIRING] critical: ModelLossNonFinite (run=r1)",
        "    The loss is NaN.",
    ]


def test_the_end_of_an_alert_is_not_urgent(install: Callable[[str], None], tmp_path: Path) -> None:
    install(SCRIPT)
    on_desktop()(notification(status="resolved"))
    assert "--urgency=normal" in (tmp_path / "said").read_text()


def test_a_desktop_that_shows_nothing_is_reported(
    install: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    install("#!/bin/sh\necho no display >&2\nexit 1\n")
    on_desktop()(notification())
    assert capsys.readouterr().err == "notify-send failed: no display\n"


def test_without_the_program_the_option_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="libnotify-bin"):
        on_desktop()


def test_a_terminal_that_was_closed_is_passed_over() -> None:
    ours, theirs = os.openpty()
    show = on_terminal(Path(os.ttyname(theirs)))
    show(notification())
    assert b"ModelLossNonFinite" in os.read(ours, 4096)
    os.close(theirs)
    os.close(ours)
    show(notification())


def test_a_terminal_that_takes_no_more_holds_up_nothing() -> None:
    ours, theirs = os.openpty()
    show = on_terminal(Path(os.ttyname(theirs)))
    for _ in range(50):
        show(notification("x" * 1000))
    os.close(theirs)
    os.close(ours)


def test_each_of_several_shows_it() -> None:
    shown: list[tuple[int, Notification]] = []
    both = each([lambda one: shown.append((1, one)), lambda one: shown.append((2, one))])
    sent = notification()
    both(sent)
    assert shown == [(1, sent), (2, sent)]
