"""A watched loader is as the loader."""

from __future__ import annotations

import pytest

from traingauge import ModelMonitor
from traingauge.errors import InvalidTypeError


class Loader:
    """Like a DataLoader: a length, attributes, and a new pass at each iteration."""

    batch_size = 16

    def __init__(self, length=3):
        self.length, self.passes = length, 0

    def __len__(self):
        return self.length

    def __iter__(self):
        self.passes += 1
        return iter(range(self.length))


@pytest.fixture
def monitor():
    with ModelMonitor("m", delivery=[]) as monitor:
        yield monitor


def waits(monitor):
    (family,) = [one for one in monitor.collector.families() if one.metric.name == "model_data_wait_seconds"]
    return family.values[-1]


def test_it_has_the_length_and_the_attributes_of_the_loader(monitor):
    watched = monitor.watch(Loader())
    assert (len(watched), watched.batch_size) == (3, 16)
    with pytest.raises(AttributeError):
        watched.sampler  # noqa: B018


def test_each_epoch_has_all_batches_and_is_measured(monitor):
    loader = Loader()
    watched = monitor.watch(loader)
    assert loader.passes == 0
    assert [list(watched) for _ in range(3)] == [[0, 1, 2]] * 3
    assert loader.passes == 3
    assert waits(monitor) == 9


def test_two_iterations_at_a_time_do_not_disturb_each_other(monitor):
    watched = monitor.watch(Loader())
    assert list(zip(watched, watched, strict=True)) == [(0, 0), (1, 1), (2, 2)]


def test_a_generator_stays_one(monitor):
    watched = monitor.watch(number for number in range(3))
    assert next(watched) == 0
    assert list(watched) == [1, 2]
    assert list(watched) == []


def test_a_loader_without_a_length_has_none_and_is_true(monitor):
    watched = monitor.watch(type("Stream", (), {"__iter__": lambda self: iter([1])})())
    assert watched
    assert list(watched) == [1]
    with pytest.raises(TypeError, match="has no len"):
        len(watched)


@pytest.mark.parametrize("batches", [None, 5, object()])
def test_what_cannot_be_iterated_raises_at_once(monitor, batches):
    with pytest.raises(InvalidTypeError, match="expected an iterable"):
        monitor.watch(batches)


def test_features_that_are_no_function_raise_at_once(monitor):
    with pytest.raises(InvalidTypeError, match="features is 'x': expected True, False or a function"):
        monitor.watch([1], features="x")
