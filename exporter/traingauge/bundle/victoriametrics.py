"""The job and the rules as VictoriaMetrics and vmalert take them, from version 1.79 on."""

from __future__ import annotations

import re
from typing import Any

from traingauge.bundle import documents, places
from traingauge.bundle.options import Options
from traingauge.bundle.rules import rule_files

#: Limits that VictoriaMetrics has for all jobs at once, if at all.
_UNKNOWN = ("label_limit", "label_name_length_limit", "label_value_length_limit", "body_size_limit")

_HEAD = """\
# The job of the runs, for -promscrape.config of VictoriaMetrics or vmagent. Runs announce themselves in targets/ next to it.
# Also set -promscrape.fileSDCheckInterval=5s: it is five minutes, and a short run would never be found.
"""


def scrape_config() -> str:
    """The shipped job of the runs, in VictoriaMetrics' terms."""
    document = documents.shipped(places.PROMETHEUS_CONFIG)
    (job,) = (one for one in document["scrape_configs"] if one["job_name"] == "traingauge")
    known = {key: value for key, value in job.items() if key not in _UNKNOWN}
    for found in known["file_sd_configs"]:
        del found["refresh_interval"]  # a command-line flag
    known["metric_relabel_configs"] = [_relabeling(one) for one in job["metric_relabel_configs"]]
    interval = document["global"]["scrape_interval"]
    return _HEAD + documents.as_yaml({"global": {"scrape_interval": interval}, "scrape_configs": [known]})


def rules(options: Options) -> dict[str, str]:
    """The rule files without ``keep_firing_for``, which vmalert 1.79 refuses."""
    return {
        name: re.sub(r"^ +keep_firing_for: .*\n", "", text, flags=re.MULTILINE)
        for name, text in rule_files(options).items()
    }


def _relabeling(shipped: dict[str, Any]) -> dict[str, Any]:
    if shipped.get("action") != "keepequal":
        return shipped
    (source,) = shipped["source_labels"]
    return {"source_labels": [source, shipped["target_label"]], "action": "keep_if_equal"}
