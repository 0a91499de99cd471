"""How a run stands, as one number, and the words and colours for it."""

from __future__ import annotations

from dashboards.vocabulary import colours
from dashboards.vocabulary.metrics import JOB, series
from dashboards.vocabulary.sdk import model
from traingauge.catalog import RUN_STATES

#: Code of a run whose endpoint does not answer although it has not said that it ended.
SILENT = len(RUN_STATES) + 1

_COLOURS = {
    "running": colours.GOOD,
    "finished": colours.NEUTRAL,
    "failed": colours.CRITICAL,
    "interrupted": colours.WARNING,
}


def state_codes(window: str = "") -> str:
    """Expression for the state of each run: 1 and up in the order of the catalogue, then :data:`SILENT`.

    Args:
        window: Range to look back over, as ``[$__range]``, so that runs which are over are found too.
    """
    over = ("last_over_time(", f"{window})") if window else ("", "")
    terms = [
        f"{code} * {series('model_run_state', state=state).join(over)}"
        for code, state in enumerate(RUN_STATES, start=1)
    ]
    terms.append(f"{SILENT} * ({series('up', job=JOB)} == bool 0)")
    return f"max by (model, run) ({' or '.join(terms)})"


def state_words() -> list[model.ValueMapping]:
    """Words and colours for :func:`state_codes`."""
    words = [(code, state, _COLOURS[state]) for code, state in enumerate(RUN_STATES, start=1)]
    words.append((SILENT, "not answering", colours.CRITICAL))
    return [
        model.ValueMap(
            {
                str(code): model.ValueMappingResult(text=word, color=colour, index=index)
                for index, (code, word, colour) in enumerate(words)
            }
        )
    ]
