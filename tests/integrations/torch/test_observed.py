"""A function shows its calls while something observes it, and is then what it was."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from traingauge.integrations.torch.observed import Observed


def double(number):
    return 2 * number


@pytest.fixture
def module():
    return SimpleNamespace(double=double)


@pytest.fixture
def observed(module):
    def call(original, observers, number):
        for observer in observers:
            observer.append(number)
        return original(number)

    return Observed(module, "double", call)


def test_each_observer_sees_the_calls_inside_of_its_with(module, observed):
    first, second = [], []
    with observed.by(first):
        module.double(1)
        with observed.by(second):
            module.double(2)
        module.double(3)
    module.double(4)
    assert (first, second) == ([1, 2, 3], [2])


def test_the_function_is_back_after_the_last_observer_though_an_exception_ends_it(module, observed):
    with pytest.raises(KeyError), observed.by([]), observed.by([]):
        raise KeyError
    assert module.double is double


def test_a_replacement_by_another_library_stays_in_place(module, observed):
    def by_another(number):
        return shown(number) + 1

    seen = []
    with observed.by(seen):
        shown, module.double = module.double, by_another
    assert module.double is by_another
    with observed.by(seen):
        assert module.double(3) == 7
    assert module.double(4) == 9
    assert seen == [3]


def test_a_replacement_that_another_library_takes_off_blinds_no_later_observer(module, observed):
    module.double = lambda number: double(number) + 1  # by another library
    first, second, third = [], [], []
    with observed.by(first):
        module.double(1)
        module.double = double  # and off again
        with observed.by(second):
            module.double(2)
    with observed.by(third):
        module.double(3)
    assert (first, second, third) == ([1, 2], [2], [3])
    assert module.double is double


def test_a_call_is_shown_once_though_a_replacement_by_another_library_shows_it_too(module, observed):
    seen = []
    with observed.by(seen):
        shown = module.double
        module.double = lambda number: shown(number) + 1
        with observed.by([]):
            assert module.double(3) == 7
    with observed.by(seen):
        assert module.double(4) == 9
    assert seen == [3, 4]


def test_a_module_without_the_function_shows_nothing():
    module = SimpleNamespace()
    with Observed(module, "double", lambda original, observers: None).by([]):
        assert not vars(module)
    assert not vars(module)
