"""Variables that a run reads."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator

from traingauge import environment
from traingauge.errors import TrainGaugeError
from traingauge.stack.programs import SERVERS_VARIABLE

from .finding import Finding, ok, problem, warning
from .subject import Subject


def variables(_: Subject) -> Iterator[Finding]:
    """Variables that are misspelt, do not fit, or switch monitoring off."""
    known = {variable.name for variable in environment.VARIABLES} | {SERVERS_VARIABLE}
    chosen = {name for name, value in os.environ.items() if name.startswith("TRAINGAUGE_") and value}
    for name in sorted(chosen - known):
        meant = difflib.get_close_matches(name, known, 1)
        yield problem(
            f"{name} is no variable of traingauge", f"did you mean {meant[0]}?" if meant else "unset it"
        )
    for variable in environment.VARIABLES:
        try:
            variable.read()
        except (TrainGaugeError, OSError) as error:
            yield problem(str(error), f"set {variable.name} to a value that fits, or unset it")
    if os.environ.get(environment.DISABLED.name, "").lower() in ("1", "true", "yes"):
        yield problem(f"{environment.DISABLED.name} switches all monitoring off", "unset it")
    if proxies := sorted({name for name in ("http_proxy", "https_proxy", "all_proxy") if _set(name)}):
        yield warning(
            f"{', '.join(proxies)} is set: alerts and remote write to other machines go through it",
            "list the hosts that it does not reach in no_proxy",
        )
    if fitting := sorted(chosen & known):
        yield ok(f"set: {', '.join(fitting)}")


def _set(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(name.upper()))
