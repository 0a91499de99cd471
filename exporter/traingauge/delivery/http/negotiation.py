"""What a client accepts: which format, and whether compressed."""

from __future__ import annotations

from collections.abc import Iterator

from traingauge.delivery.exposition import Format


def choose_format(accept: str) -> Format:
    """The format that an Accept header prefers: OpenMetrics 1.x if it asks for it, else the text format.

    >>> choose_format("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    'openmetrics'
    >>> choose_format("text/html,*/*;q=0.8")
    'text'
    """
    qualities: dict[Format, float] = {"openmetrics": 0.0, "text": 0.0}
    for media, parameters, quality in _items(accept):
        if media == "application/openmetrics-text" and parameters.get("version", "1.0.0").startswith("1."):
            qualities["openmetrics"] = max(qualities["openmetrics"], quality)
        elif media in {"text/plain", "text/*"}:
            qualities["text"] = max(qualities["text"], quality)
    return "openmetrics" if 0 < qualities["openmetrics"] >= qualities["text"] else "text"


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip; an entry for gzip takes precedence over ``*``.

    >>> accepts_gzip("gzip, deflate"), accepts_gzip("gzip;q=0, *"), accepts_gzip("")
    (True, False, False)
    """
    qualities = {coding: quality for coding, _, quality in _items(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _items(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Each item of a header: name, parameters and quality."""
    for item in header.lower().split(","):
        name, *rest = (part.strip() for part in item.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
        yield name, parameters, _quality(parameters.get("q", "1"))


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
