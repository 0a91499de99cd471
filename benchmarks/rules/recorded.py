"""What the shipped rules record of one run of each kind that has trained for a day."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from alerting import rulebook
from benchmarks.rules.fleet import Fleet
from benchmarks.rules.server import prometheus
from traingauge.stack.prometheus import PrometheusApi, Sample

#: Evaluations of the slow groups before series are counted: more than five minutes, which is how far back some begin.
_EVALUATIONS = 12


def recorded(kinds: Mapping[str, Sequence[str]]) -> dict[str, list[Sample]]:
    """The recorded series of a run of each kind, with ``run`` as in its scrapes.

    Args:
        kinds: What a run of a kind publishes, scrape by scrape.
    """
    return {kind: _of(scrapes) for kind, scrapes in kinds.items()}


def _of(scrapes: Sequence[str]) -> list[Sample]:
    with tempfile.TemporaryDirectory() as name, closing(Fleet(scrapes, 1, 5)) as fleet:
        folder = Path(name)
        fleet.targets(folder / "targets.json")
        config = {
            "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
            "rule_files": [str(file) for file in rulebook.rule_files()],
            "scrape_configs": [
                {"job_name": "traingauge", "file_sd_configs": [{"files": ["targets.json"]}]},
                {"job_name": "prometheus", "static_configs": [{"targets": []}]},
            ],
        }
        with prometheus(folder, config) as server:
            api = PrometheusApi(server.url)
            while not _evaluated(api):
                time.sleep(1)
            return api.query('{__name__=~"model.*:.*", run!=""}')


def _evaluated(api: PrometheusApi) -> bool:
    if not api.query("model_run_state"):
        return False
    found = api.query(
        f"count(count_over_time(model_run_start:model_run_state:running[1h]) >= {_EVALUATIONS})"
    )
    return bool(found and found[0].value >= 1)
