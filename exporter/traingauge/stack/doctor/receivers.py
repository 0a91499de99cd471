"""What Alertmanager's configuration says, read as text: it is YAML, for which there is no parser in the core."""

from __future__ import annotations

import re
from collections.abc import Iterator


def groupings(text: str) -> Iterator[set[str]]:
    """The labels by which each route groups; ``...`` stands for all.

    >>> [sorted(names) for names in groupings("group_by: ['...']")]
    [['...']]
    """
    for flow, block in re.findall(r"\bgroup_by:\s*(?:\[([^\]]*)\]|((?:\s*- \S+)+))", text):
        yield {name.strip("'\"") for name in re.findall(r"[^\s,]+", flow or block) if name != "-"}


def without_integration(text: str) -> set[str]:
    r"""The receivers that notify no one, of a configuration as Alertmanager's API has it.

    >>> without_integration("receivers:\n- name: team\n  webhook_configs:\n  - url: x\n- name: blackhole\n")
    {'blackhole'}
    """
    section = re.search(r"^receivers:\n((?:[ -].*\n?)*)", text, re.MULTILINE)
    if section is None:
        return set()
    indent = re.match(r" *", section[1])
    start = f"{indent[0] if indent else ''}- "
    entries = re.split(f"^{start}", section[1], flags=re.MULTILINE)
    return {
        name[1].strip("'\"")
        for entry in entries
        if (name := re.search(r"^\s*name: (.+)$", entry, re.MULTILINE))
        and not re.search(r"_configs:(?! \[\])", entry)
    }
