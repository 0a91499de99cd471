"""The rule files that people edit, and what rendering adds to each: default thresholds, labels of identity, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from alerting.identity import identity
from alerting.inlined import thresholds, written_out
from alerting.links import Links
from alerting.places import ALERTS, RECORDINGS
from alerting.whole import of_the_whole
from traingauge.bundle.identity import in_rules
from traingauge.version import __version__

_DEFAULTS = "      # <defaults {severity}>\n"
_DEFAULT = """\
      - record: global:model_threshold:default
        expr: vector({value})
        labels: {{metric: {metric}, severity: {severity}}}
"""

_ALERT = re.compile(
    r"(?P<head>      - alert: (?P<name>\w+)\n        expr: )(?:>-\n(?P<block>(?:          .*\n)+)|(?P<line>.*)\n)"
)

#: The rules record what a run mutes. Until they do, at its first scrape, the run itself is asked.
_UNLESS_MUTED = """\
          unless on (model, run) (
            last_over_time(model_run_alertname:model_run_muted:newest{{{names}}}[{minutes}m])
            or on (model, run)
            model_run_muted{{{names}}}
          ) == 1
"""
#: Alerts about a death. Which one reports it depends on what becomes of the target, so a run that mutes one mutes the other,
#: and what is left of the run, a target that does not answer.
_DEATHS = ("ModelRunVanished", "ModelTargetGone")
_MUTED_WITH = {**dict.fromkeys(_DEATHS, _DEATHS), "ModelExporterDown": ("ModelExporterDown", *_DEATHS)}
_RANGE = re.compile(r"\[(\d+)([mhd])")
_MINUTES = {"m": 1, "h": 60, "d": 1440}

#: Which run it is, in front of the summary of its alerts.
WHICH = "{{ $labels.model }} / {{ $labels.run }}: "


def sources() -> list[Path]:
    """The sources in triage order."""
    return sorted([*RECORDINGS.glob("*.yml"), *ALERTS.glob("*.yml")], key=lambda path: path.name)


def complete(source: Path) -> str:
    """The text of a source with all that rendering adds, other than links; a run can mute its alerts."""
    text = source.read_text(encoding="utf-8")
    if source.parent == ALERTS and source.name >= "20":
        text = _ALERT.sub(_unless_muted, text)
    for severity in ("warning", "critical"):
        text = text.replace(_DEFAULTS.format(severity=severity), "".join(_defaults(severity)))
    return versioned(in_rules(written_out(of_the_whole(text)), identity()))


def versioned(text: str) -> str:
    """The text with the version of the rules, and a pattern of the versions of the exporter that they fit.

    >>> versioned("<version>") == __version__
    True
    """
    return text.replace("<version>", __version__).replace("<fitting versions>", fitting(__version__))


def fitting(version: str) -> str:
    """A regular expression of the versions that rules of this version fit: those that promise not to break.

    >>> fitting("0.3.1"), fitting("2.0.1")
    ('0[.]3[.].*', '2[.].*')
    """
    major, minor, *_ = version.split(".")
    return f"0[.]{minor}[.].*" if major == "0" else f"{major}[.].*"


def linked(source: Path, links: Links) -> str:
    """The complete text, with the two links at the head of the annotations of each alert, and the run in its summary."""
    lines, name = [], ""
    for line in complete(source).splitlines(keepends=True):
        lines.append(line)
        if found := re.match(r"\s*- alert: (\w+)", line):
            name = found[1]
        elif line.strip() == "annotations:":
            lines.append(f"          runbook_url: {links.runbook(name)}\n")
            lines.append(f"          dashboard_url: {links.dashboard(int(source.name[:2]))}\n")
        elif source.name >= "20" and (summary := re.fullmatch(r" +summary: (.+)\n", line)):
            lines[-1] = f'          summary: "{WHICH}{summary[1]}"\n'
    return "".join(lines)


def _unless_muted(rule: re.Match[str]) -> str:
    expression = "".join(
        f"  {line}\n" for line in (rule["block"] or f"          {rule['line']}\n").splitlines()
    )
    muted = _UNLESS_MUTED.format(names=_muted_with(rule["name"]), minutes=_look_back(expression) + 5)
    return f"{rule['head']}>-\n          (\n{expression}          )\n{muted}"


def _muted_with(alert: str) -> str:
    """A matcher of what a run mutes this alert with."""
    names = _MUTED_WITH.get(alert, (alert,))
    return f'alertname{"=~" if names[1:] else "="}"{"|".join(names)}"'


def _look_back(expression: str) -> int:
    """Minutes for which an expression looks back, and at least those for which the state of an ended run is recorded.

    A mute is looked up for longer, so that no alert outlives it.
    """
    return max(30, *(int(number) * _MINUTES[unit] for number, unit in _RANGE.findall(expression)), 0)


def _defaults(severity: str) -> Iterator[str]:
    for metric, levels in thresholds().items():
        if severity in levels:
            yield _DEFAULT.format(metric=metric, severity=severity, value=levels[severity])
