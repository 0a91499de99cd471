r"""A rule is about the whole of a model with several outputs, unless it asks for the label ``output``.

What each output publishes has the names of what the whole publishes. Rendering adds ``output=""`` to every selector of such
a metric that says nothing of it.

>>> of_the_whole('model_loss > 3 and model_accuracy{split="train"} and model_f1{output=~".*"}')
'model_loss{output=""} > 3 and model_accuracy{split="train", output=""} and model_f1{output=~".*"}'
>>> of_the_whole('model_run_split:model_loss:level and {__name__=~"model_(loss|log_loss)"} and model_loss{run=%q}')
'model_run_split:model_loss:level and {__name__=~"model_(loss|log_loss)", output=""} and model_loss{run=%q, output=\'\'}'
"""

from __future__ import annotations

import re

from traingauge.catalog import CATALOG, OUTPUT

_BY_OUTPUT = [metric.name for metric in CATALOG.values() if metric.by_output]
_NAMED = rf"(?<![\w:\"'])(?:{'|'.join(_BY_OUTPUT)})(?![\w:\"'])"
_SELECTOR = re.compile(
    rf"(?P<name>{_NAMED})(?:\{{(?P<matched>[^}}]*)\}})?|\{{(?P<unnamed>__name__=~[^}}]*)\}}"
)
_COMMENT = re.compile(r"^ *#")


def of_the_whole(text: str) -> str:
    """The text of a rule file in which every selector says of which output it is; comments stay as they are."""
    lines = text.splitlines(keepends=True)
    return "".join(line if _COMMENT.match(line) else _SELECTOR.sub(_restricted, line) for line in lines)


def _restricted(selector: re.Match[str]) -> str:
    matched = selector["unnamed"] or selector["matched"] or ""
    if OUTPUT in matched:
        return selector[0]
    if selector["unnamed"] and not any(
        re.search(rf"\b{name.removeprefix('model_')}\b", matched) for name in _BY_OUTPUT
    ):
        return selector[0]
    none = f"{OUTPUT}=''" if "%q" in matched else f'{OUTPUT}=""'
    return f"{selector['name'] or ''}{{{', '.join(filter(None, (matched, none)))}}}"
