"""Markov chains against closed forms, scipy and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from traingauge.errors import InvalidArgumentError, ShapeError
from traingauge.stats.health.markov_chain import (
    as_transition_matrix,
    closed_classes,
    expected_steps,
    reach_probability,
    reach_probability_within,
    stationary,
)


@st.composite
def chains(draw, least=0.0):
    size = draw(st.integers(1, 6))
    weights = draw(
        st.lists(
            st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0]), min_size=size, max_size=size),
            min_size=size,
            max_size=size,
        )
    )
    matrix = np.array(weights) + least
    matrix[matrix.sum(axis=1) == 0, 0] = 1.0
    return matrix / matrix.sum(axis=1, keepdims=True)


@given(chain=chains(least=0.1))
def test_the_stationary_distribution_is_the_left_eigenvector_of_eigenvalue_1(chain):
    found = stationary(chain, 0)
    values, vectors = linalg.eig(chain, left=True, right=False)
    vector = np.real(vectors[:, np.argmin(np.abs(values - 1))])
    assert found == pytest.approx(vector / vector.sum(), abs=1e-9)


@given(chain=chains())
def test_the_stationary_distribution_of_any_chain_is_the_limit_of_its_lazy_powers(chain):
    for start in range(len(chain)):
        found = stationary(chain, start)
        assert found @ chain == pytest.approx(found, abs=1e-9)
        assert found.sum() == pytest.approx(1)
        lazy = (chain + np.eye(len(chain))) / 2  # aperiodic, with the same stationary distribution
        assert found == pytest.approx(np.linalg.matrix_power(lazy, 1 << 20)[start], abs=1e-6)


def test_two_states_have_a_closed_form():
    p, q = 0.07, 0.31
    chain = np.array([[1 - p, p], [q, 1 - q]])
    assert stationary(chain, 0) == pytest.approx([q / (p + q), p / (p + q)])
    assert expected_steps(chain, 1) == pytest.approx([1 / p, 0])
    for steps in (0, 1, 7):
        assert reach_probability_within(chain, 1, steps)[0] == pytest.approx(1 - (1 - p) ** steps)


def test_the_gamblers_ruin_has_a_closed_form():
    size, p = 8, 0.4
    chain = np.zeros((size + 1, size + 1))
    chain[0, 0] = chain[size, size] = 1
    for at in range(1, size):
        chain[at, at + 1], chain[at, at - 1] = p, 1 - p
    odds = (1 - p) / p
    ruin = [(odds**at - odds**size) / (1 - odds**size) for at in range(size + 1)]
    assert reach_probability(chain, np.array([0])) == pytest.approx(ruin)
    for start in range(size + 1):
        assert stationary(chain, start)[[0, size]] == pytest.approx([ruin[start], 1 - ruin[start]])
    assert expected_steps(chain, 0)[1:].tolist() == [math.inf] * size


def test_a_fair_walk_from_a_reflecting_wall_takes_quadratic_time():
    size = 6
    chain = np.zeros((size + 1, size + 1))
    chain[0, 1] = chain[size, size] = 1
    for at in range(1, size):
        chain[at, at + 1] = chain[at, at - 1] = 0.5
    assert expected_steps(chain, size) == pytest.approx([size**2 - at**2 for at in range(size + 1)])


@given(chain=chains())
def test_the_probability_within_many_steps_approaches_that_of_ever_reaching_the_target(chain):
    for target in range(len(chain)):
        ever = reach_probability(chain, np.array([target]))
        assert reach_probability_within(chain, target, 1 << 20) == pytest.approx(ever, abs=1e-6)
        expected = expected_steps(chain, target)
        assert (np.isfinite(expected) == (ever > 1 - 1e-9)).all()


@given(chain=chains(), steps=st.integers(0, 5))
def test_the_probability_within_a_few_steps_is_the_sum_of_first_passages(chain, steps):
    target, size = len(chain) - 1, len(chain)
    first = np.zeros((steps + 1, size))
    first[0, target] = 1
    for step in range(1, steps + 1):
        first[step] = chain[:, [state for state in range(size) if state != target]] @ np.delete(
            first[step - 1], target
        )
        if step == 1:
            first[step] = chain[:, target]
        first[step, target] = 0
    assert reach_probability_within(chain, target, steps) == pytest.approx(first.sum(axis=0), abs=1e-12)


def test_probabilities_and_times_agree_with_simulation():
    chain = np.array([[0.9, 0.08, 0.02, 0], [0.3, 0.5, 0.15, 0.05], [0, 0.2, 0.6, 0.2], [0.1, 0, 0.1, 0.8]])
    rng = np.random.default_rng(0)
    runs, horizon = 20_000, 400
    states = np.zeros(runs, dtype=int)
    hit = np.full(runs, -1)
    cumulative = chain.cumsum(axis=1)
    for step in range(1, horizon + 1):
        states = (rng.random(runs)[:, None] > cumulative[states]).sum(axis=1)
        hit[(states == 3) & (hit < 0)] = step
    within = (hit > 0) & (hit <= 30)
    assert reach_probability_within(chain, 3, 30)[0] == pytest.approx(within.mean(), abs=0.015)
    assert expected_steps(chain, 3)[0] == pytest.approx(hit[hit > 0].mean(), rel=0.03)
    assert stationary(chain, 0) == pytest.approx(np.bincount(states, minlength=4) / runs, abs=0.015)


def test_an_unreachable_state_takes_an_infinite_time():
    chain = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]])
    assert reach_probability(chain, np.array([2])).tolist() == [0, 0, 1]
    assert expected_steps(chain, 2).tolist() == [math.inf, math.inf, 0]
    assert stationary(chain, 0) == pytest.approx([0.5, 0.5, 0])


def test_a_periodic_chain_has_a_stationary_distribution():
    assert stationary(np.array([[0, 1], [1, 0.0]]), 0) == pytest.approx([0.5, 0.5])


def test_every_closed_class_is_found_once():
    chain = np.array(
        [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0.2, 0, 0.2, 0.2, 0.4], [0, 0, 0, 1, 0], [0, 0, 0, 1, 0.0]]
    )
    assert [members.tolist() for members in closed_classes(chain)] == [[0, 1], [3]]


def test_an_invalid_transition_matrix_raises():
    with pytest.raises(ShapeError, match=r"\(S, S\)"):
        as_transition_matrix([[0.5, 0.5]])
    with pytest.raises(InvalidArgumentError, match="sum to"):
        as_transition_matrix([[0.5, 0.4], [0, 1]])
    with pytest.raises(InvalidArgumentError, match="outside"):
        as_transition_matrix([[1.5, -0.5], [0, 1]])
    with pytest.raises(InvalidArgumentError, match="outside"):
        as_transition_matrix([[math.nan, 1], [0, 1]])
