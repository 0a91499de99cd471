"""Where the files of alerting are."""

from __future__ import annotations

from pathlib import Path

HOME = Path(__file__).parent

#: The sources of alerts and recordings, and the rule files rendered from them.
ALERTS = HOME / "alerts"
RECORDINGS = HOME / "recordings"
RULES = HOME / "rules"
THRESHOLDS = HOME / "thresholds.yml"
INLINED = HOME / "inlined.yml"

TESTS = HOME / "tests"
HEALTHY = TESTS / "healthy.yml"
RUNBOOKS = HOME / "runbooks"
ALERTMANAGER = HOME / "alertmanager"
