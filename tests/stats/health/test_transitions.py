"""Transitions estimated while they happen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traingauge.stats.health.chain import checked, reach_probability_within
from traingauge.stats.health.states import FAILING, STATES
from traingauge.stats.health.transitions import PRIOR, Transitions


def seen(states, **arguments):
    transitions = Transitions(**arguments)
    for state in states:
        transitions.observe(state)
    return transitions


def test_before_anything_was_seen_it_is_the_prior():
    assert seen([]).matrix() == pytest.approx(checked(PRIOR))


@given(states=st.lists(st.integers(0, len(STATES) - 1), max_size=50))
def test_it_is_always_a_chain(states):
    checked(seen(states).matrix())


def test_many_transitions_outweigh_the_prior():
    truth = np.array([[0.9, 0.1, 0, 0], [0.4, 0.4, 0.2, 0], [0.1, 0.1, 0.7, 0.1], [0, 0, 0.2, 0.8]])
    rng = np.random.default_rng(3)
    states = [0]
    for _ in range(40_000):
        states.append(int(rng.choice(4, p=truth[states[-1]])))
    assert seen(states, half_life=1e9).matrix() == pytest.approx(truth, abs=0.03)


def test_an_old_habit_is_forgotten():
    transitions = seen([0, 1] * 50 + [0] * 100, half_life=5)
    assert transitions.matrix()[0, 1] < 0.02


def test_the_risk_rises_with_each_worse_state_and_falls_with_a_calm_history():
    within = reach_probability_within(seen([0]).matrix(), FAILING, 40)
    assert within.tolist() == sorted(within)
    assert reach_probability_within(seen([0] * 100).matrix(), FAILING, 40)[0] < 0.1 * within[0]
