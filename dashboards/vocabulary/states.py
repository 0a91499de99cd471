"""How a run stands and how healthy it is: each as one number, and the words and colours for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dashboards.vocabulary import colours
from dashboards.vocabulary.metrics import per_run, series
from dashboards.vocabulary.sdk import model
from traingauge.catalog import RUN_STATES
from traingauge.stats.health.states import STATES as HEALTH_STATES

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


def state_codes(window: str = "", among: str = "") -> str:
    """Expression for the state of each run: 1 and up in the order of the catalogue, then :data:`SILENT`.

    Args:
        window: Range to look back over, as ``[$__range]``, so that runs which are over are found too.
        among: Condition that names runs by ``model`` and ``run``; all of them if left out. Few runs cost less if it is given
            here than around the expression.
    """
    only = f" and on (model, run) {among}" if among else ""
    states = {state: code for code, state in enumerate(RUN_STATES, start=1)}
    ends = {state: code for state, code in states.items() if state != "running"}
    said = _of_states("model_run_state", window, states, only)
    # A run whose end no scrape has seen says it by the labels of a target.
    ended = series("up", ended="|".join(ends))
    noted = f"(1 + 0 * {ended}) * on (ended) group_left () {_coded('ended', ends)}"
    silent = f"{SILENT} + ({series('up', ended='')} == 0 unless on (model, run) {ended}{only})"
    return f"max by (model, run) ({said} or {noted} or {silent})"


def _of_states(name: str, window: str, codes: Mapping[str, int], only: str = "") -> str:
    """The code of the state that a metric with a series for each state has now."""
    states = f"last_over_time({series(name)}{window})" if window else series(name)
    return f"({states} == 1{only}) * on (state) group_left () {_coded('state', codes)}"


def _coded(label: str, codes: Mapping[str, int]) -> str:
    """A series for each value of a label, which has the code of the value.

    >>> _coded("state", {"up": 1, "down": 2})
    '(label_replace(vector(1), "state", "up", "", "") or label_replace(vector(2), "state", "down", "", ""))'
    """
    each = [f'label_replace(vector({code}), "{label}", "{value}", "", "")' for value, code in codes.items()]
    return f"({' or '.join(each)})"


def state_words() -> list[model.ValueMapping]:
    """Words and colours for :func:`state_codes`."""
    words = [(state, _RUN_COLOURS[state]) for state in RUN_STATES]
    return _words([*words, ("not answering", colours.CRITICAL)])


def health_codes(window: str = "") -> str:
    """Expression for the health of each run: 1 for healthy and up.

    Args:
        window: Range to look back over, as for :func:`state_codes`.
    """
    codes = {state: code for code, state in enumerate(HEALTH_STATES, start=1)}
    return f"max by (model, run) ({_of_states('model_health', window, codes)})"


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
