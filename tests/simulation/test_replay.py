"""What was replayed is kept for as long as the rules mean the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulation.replay import Prometheus, replay

RULES = """
groups:
  - name: toy
    rules:
      - alert: Toy
        expr: toy > {limit}
        annotations: {{summary: "{text}"}}
"""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder of replays, of a first one by toy rules."""
    toy(tmp_path, limit=1, text="before")
    return tmp_path


def toy(folder: Path, *, limit: int, text: str) -> list[dict[str, str]]:
    rules = folder / "toy.yml"
    rules.write_text(RULES.format(limit=limit, text=text), encoding="utf-8")
    firing = replay({"toy": "0 2 2"}, 60.0, folder, Prometheus(rule_files=(rules,)))
    return [alert for alerts in firing.values() for alert in alerts]


@pytest.mark.servers
class TestKept:
    def test_a_text_for_people_changes_no_replay(self, kept: Path) -> None:
        assert len(toy(kept, limit=1, text="after")) == 2
        assert len([*kept.glob("replay-*")]) == 1

    def test_another_expression_is_replayed(self, kept: Path) -> None:
        assert toy(kept, limit=3, text="before") == []
        assert len([*kept.glob("replay-*")]) == 2
