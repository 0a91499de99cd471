"""Gradients that a loop clips are compared with those of all weights of its optimizers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from traingauge.integrations.torch.clipping import AllGradients


class Weight:
    """A weight that counts how often its gradient is asked for."""

    looks = 0

    def __init__(self):
        self.gradient = object()

    @property
    def grad(self):
        Weight.looks += 1
        return self.gradient


@pytest.fixture
def optimizer():
    groups = [{"params": [Weight() for _ in range(count)]} for count in (6, 3)]
    groups[1]["params"][1].gradient = None
    return SimpleNamespace(param_groups=groups)


@pytest.fixture
def gradients(optimizer):
    """Those of an optimizer whose loop has clipped all of them, the last one first."""
    found = AllGradients([optimizer])
    assert found.are(next_step(found))
    return found


def next_step(gradients):
    """What the loop clips in the next step, in the order of the one before."""
    weights = [one for one in gradients.weights() if one.gradient is not None][::-1]
    for one in weights:
        one.gradient = object()
    return [one.gradient for one in weights]


def test_all_gradients_of_the_next_step_are_recognised_by_one_look_at_each(gradients, optimizer):
    optimizer.param_groups[0]["params"] += [Weight() for _ in range(100)]
    assert gradients.are(next_step(gradients))
    clipped, Weight.looks = next_step(gradients), 0
    assert gradients.are(clipped)
    assert Weight.looks == 109


@pytest.mark.parametrize("missing", range(8))
def test_a_part_of_them_is_not_taken_for_all(gradients, missing):
    clipped = next_step(gradients)
    del clipped[missing]
    assert not gradients.are(clipped)


@pytest.mark.parametrize("place", range(8))
def test_as_many_with_one_of_another_weight_are_not_taken_for_all(gradients, place):
    clipped = next_step(gradients)
    clipped[place] = object()
    assert not gradients.are(clipped)


def test_they_are_not_all_once_a_weight_that_had_none_has_a_gradient(gradients, optimizer):
    clipped = next_step(gradients)
    optimizer.param_groups[1]["params"][1].gradient = object()
    assert not gradients.are(clipped)


def test_they_are_not_all_once_the_optimizer_has_further_weights(gradients, optimizer):
    clipped = next_step(gradients)
    optimizer.param_groups.append({"params": [Weight()]})
    assert not gradients.are(clipped)


def test_all_are_recognised_again_after_a_part_was_clipped(gradients):
    assert not gradients.are(next_step(gradients)[1:])
    assert gradients.are(next_step(gradients)[::-1])
