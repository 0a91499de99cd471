"""How a run stands and how healthy it is: each as one number, and the words and colours for it."""

from __future__ import annotations

from collections.abc import Iterable

from dashboards.vocabulary import colours
from dashboards.vocabulary.metrics import per_run, series
from dashboards.vocabulary.sdk import model
from traingauge.catalog import RUN_STATES
from traingauge.stats.health.states import STATES as HEALTH_STATES

#: States in which a run ends.
ENDED = RUN_STATES[1:]

#: Code of a run whose endpoint does not answer although it has not said that it ended.
SILENT = len(RUN_STATES) + 1

#: Condition that holds for runs that are running.
RUNNING = f"({per_run('model_run_state', state='running')} == 1)"

_RUN_COLOURS = {
    "running": colours.GOOD,
    "finished": colours.NEUTRAL,
    "failed": colours.CRITICAL,
    "interrupted": colours.WARNING,
}

#: Colours of the states of health.
HEALTH_COLOURS = {
    "healthy": colours.GOOD,
    "warning": colours.CAUTION,
    "degraded": colours.WARNING,
    "failing": colours.CRITICAL,
}


def state_codes(window: str = "") -> str:
    """Expression for the state of each run: 1 and up in the order of the catalogue, then :data:`SILENT`.

    Args:
        window: Range to look back over, as ``[$__range]``, so that runs which are over are found too.
    """
    over = ("last_over_time(", f"{window})") if window else ("", "")
    terms = [
        f"{code} * ({series('model_run_state', state=state).join(over)} == 1)"
        for code, state in enumerate(RUN_STATES, start=1)
    ]
    # A run whose end no scrape has seen says it by the labels of a target.
    terms += [f"{code} + 0 * {series('up', ended=state)}" for code, state in enumerate(ENDED, start=2)]
    noted = series("up", ended="|".join(ENDED))
    terms.append(f"{SILENT} + ({series('up', ended='')} == 0 unless on (model, run) {noted})")
    return f"max by (model, run) ({' or '.join(terms)})"


def state_words() -> list[model.ValueMapping]:
    """Words and colours for :func:`state_codes`."""
    words = [(state, _RUN_COLOURS[state]) for state in RUN_STATES]
    return _words([*words, ("not answering", colours.CRITICAL)])


def health_codes(window: str = "") -> str:
    """Expression for the health of each run: 1 for healthy and up.

    Args:
        window: Range to look back over, as for :func:`state_codes`.
    """
    over = ("last_over_time(", f"{window})") if window else ("", "")
    terms = [
        f"{code} * ({series('model_health', state=state).join(over)} == 1)"
        for code, state in enumerate(HEALTH_STATES, start=1)
    ]
    return f"max by (model, run) ({' or '.join(terms)})"


def health_words() -> list[model.ValueMapping]:
    """Words and colours for :func:`health_codes`."""
    return _words([(state, HEALTH_COLOURS[state]) for state in HEALTH_STATES])


def _words(words: Iterable[tuple[str, str]]) -> list[model.ValueMapping]:
    return [
        model.ValueMap(
            {
                str(index + 1): model.ValueMappingResult(text=word, color=colour, index=index)
                for index, (word, colour) in enumerate(words)
            }
        )
    ]
