"""Online estimates of transition probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traingauge.stats.health.markov_chain import as_transition_matrix, reach_probability_within
from traingauge.stats.health.states import FAILING, STATES
from traingauge.stats.health.transitions import PRIOR, Transitions


def seen(states, **arguments):
    transitions = Transitions(**arguments)
    for state in states:
        transitions.observe(state)
    return transitions


def test_the_estimate_without_observations_is_the_prior():
    assert seen([]).matrix() == pytest.approx(as_transition_matrix(PRIOR))


@given(states=st.lists(st.integers(0, len(STATES) - 1), max_size=50))
def test_the_estimate_is_always_a_transition_matrix(states):
    as_transition_matrix(seen(states).matrix())


def test_many_transitions_outweigh_the_prior():
    truth = np.array([[0.9, 0.1, 0, 0], [0.4, 0.4, 0.2, 0], [0.1, 0.1, 0.7, 0.1], [0, 0, 0.2, 0.8]])
    rng = np.random.default_rng(3)
    states = [0]
    for _ in range(40_000):
        states.append(int(rng.choice(4, p=truth[states[-1]])))
    assert seen(states, half_life=1e9).matrix() == pytest.approx(truth, abs=0.03)


def test_old_transitions_are_forgotten():
    transitions = seen([0, 1] * 50 + [0] * 100, half_life=5)
    assert transitions.matrix()[0, 1] < 0.02


def test_the_risk_of_failing_rises_with_the_state_and_falls_with_a_calm_history():
    within = reach_probability_within(seen([0]).matrix(), FAILING, 40)
    assert within.tolist() == sorted(within)
    assert reach_probability_within(seen([0] * 100).matrix(), FAILING, 40)[0] < 0.1 * within[0]
