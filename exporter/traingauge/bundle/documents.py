"""The shipped configuration as documents, and documents as YAML, without a YAML library.

``documents.json`` is rendered from the files in which the configuration is edited (``python -m alerting``). So an installed
package needs no library for it, and a person who edits YAML needs one only there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from traingauge.bundle import places

#: The files that are parsed ahead, by their names in ``documents.json``.
SHIPPED = {
    "prometheus": places.PROMETHEUS_CONFIG,
    "pods": places.KUBERNETES / "pods.yml",
    "alertmanager": places.ALERTMANAGER_CONFIG,
    "receivers": places.ALERTMANAGER_CONFIG.with_name("receivers.example.yml"),
}

RENDERED = Path(__file__).with_name("documents.json")

#: Text that every version of YAML reads as text without quotes.
_PLAIN = re.compile(r"[A-Za-z][\w./-]*( [\w./-]+)*", re.ASCII)
_OTHER_THAN_TEXT = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}

#: What has to be escaped in quotes, in addition to what JSON escapes: line breaks, and what cannot be seen.
_UNSEEN = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def shipped(path: Path) -> Any:
    """The content of a file of :data:`SHIPPED`, a new copy; ``None`` for any other file.

    >>> shipped(places.PROMETHEUS_CONFIG)["global"]["scrape_interval"]
    '5s'
    """
    for name, file in SHIPPED.items():
        if file == path:
            return json.loads(RENDERED.read_text(encoding="utf-8"))[name]
    return None


def as_yaml(document: Mapping[str, Any]) -> str:
    """A document of mappings, lists, text, numbers and ``None`` as YAML, keys in their order, equal values written out.

    >>> print(as_yaml({"spec": {"port": 80, "args": ["-v", "a: b"], "on": None}}), end="")
    spec:
      port: 80
      args:
        - "-v"
        - "a: b"
      "on": null
    """
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(value: Mapping[Any, Any] | list[Any] | tuple[Any, ...]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if _is_nested(inner):
                yield f"{_scalar(key)}:"
                yield from (f"  {line}" for line in _lines(inner))
            else:
                yield f"{_scalar(key)}: {_scalar(inner)}"
        return
    for item in value:
        first, *others = _lines(item) if _is_nested(item) else [_scalar(item)]
        yield f"- {first}"
        yield from (f"  {line}" for line in others)


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and len(value) > 0


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _OTHER_THAN_TEXT:
            return value
        return _UNSEEN.sub(lambda found: f"\\U{ord(found[0]):08x}", json.dumps(value, ensure_ascii=False))
    text = json.dumps(value)
    return re.sub(r"^(-?\d+)e", r"\1.0e", text) if isinstance(value, float) else text
