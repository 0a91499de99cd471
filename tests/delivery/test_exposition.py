"""The renderer gives byte for byte what prometheus_client gives."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from traingauge.catalog import CATALOG, Metric
from traingauge.core.families import Family, Identity, Key, keys, single
from traingauge.delivery.exposition import BATCH, SEGMENT, Renderer, number
from traingauge.delivery.registry import RunCollector

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FLOATS = st.floats() | st.sampled_from([0.0, -0.0, 1e6, 999999.0, 1e16, 123456789.125, 1e300, 5e-324])


@st.composite
def families(draw: st.DrawFn) -> list[Family]:
    chosen = draw(
        st.lists(st.sampled_from(list(CATALOG.values())), unique_by=lambda metric: metric.name, max_size=6)
    )
    return [draw(_family(metric)) for metric in chosen]


@st.composite
def _family(draw: st.DrawFn, metric: Metric) -> Family:
    suffixes = st.sampled_from(["_bucket", "_sum", "_count"]) if metric.kind == "histogram" else st.just("")
    found = []
    for suffix in draw(st.lists(suffixes, max_size=4)):
        width = len(metric.labels) + (suffix == "_bucket")
        found.append(Key(suffix, tuple(draw(st.none() | TEXT) for _ in range(width))))
    values = draw(st.lists(FLOATS, min_size=len(found), max_size=len(found)))
    return Family(metric, tuple(found), values)


def rendered_by_client(identity: Identity, read: list[Family]) -> tuple[bytes, bytes]:
    registry = CollectorRegistry()
    registry.register(RunCollector(identity, lambda: read))
    return generate_latest(registry), generate_openmetrics(registry)


LABELS = st.dictionaries(st.sampled_from(["Zone", "team", "tier"]), TEXT).map(
    lambda given: tuple(given.items())
)


@given(st.builds(Identity, TEXT, TEXT, LABELS), families())
def test_both_formats_are_those_of_prometheus_client(identity: Identity, read: list[Family]) -> None:
    renderer = Renderer(identity)
    assert (renderer.render(read, "text"), renderer.render(read, "openmetrics")) == rendered_by_client(
        identity, read
    )


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=6))
def test_a_changed_value_is_rendered_again_and_an_unchanged_one_stays(
    readings: list[tuple[float, float]],
) -> None:
    identity, renderer = Identity("m", "r"), Renderer(Identity("m", "r"))
    same = keys(("train",), ("test",))
    for values in readings:
        read = [Family(CATALOG["model_loss"], same, values)]
        assert renderer.render(read, "text") == rendered_by_client(identity, read)[0]


@given(st.lists(st.tuples(st.integers(0, 2 * SEGMENT), FLOATS), max_size=20), st.booleans())
def test_values_that_change_anywhere_among_thousands_are_rendered_in_their_places(
    changes: list[tuple[int, float]], as_array: bool
) -> None:
    values = np.zeros(2 * SEGMENT + 1)
    RENDERER.render([_many(values)], "text")
    for at, value in changes:
        values[at] = value
    lines = RENDERER.render([_many(values if as_array else values.tolist())], "text").splitlines()[2:]
    assert [line.rpartition(b" ")[2].decode() for line in lines] == [
        floatToGoString(value) for value in values
    ]
    assert [line.partition(b'feature="')[2][:4].decode() for line in lines] == NAMES


NAMES = [f"{at:04d}" for at in range(2 * SEGMENT + 1)]
MANY = keys(*((name, None) for name in NAMES))
RENDERER = Renderer(Identity("m", "r"))


def _many(values: Sequence[float]) -> Family:
    return Family(CATALOG["model_feature_drift"], MANY, values)


def test_the_same_family_may_lose_and_gain_samples() -> None:
    renderer = Renderer(Identity("m", "r"))
    for count in (3, SEGMENT + 1, 0, 1):
        read = [
            Family(
                CATALOG["model_class_f1"], keys(*(("train", str(at)) for at in range(count))), [0.5] * count
            )
        ]
        assert renderer.render(read, "text") == rendered_by_client(Identity("m", "r"), read)[0]


def test_whole_numbers_are_rendered_as_floats() -> None:
    text = Renderer(Identity("m", "r")).render([single("model_steps_planned", 3)], "text")
    assert text.endswith(b" 3.0\n")


def test_the_caller_may_pause_every_few_values() -> None:
    pauses: list[int] = []
    read = [_many([0.5] * len(NAMES))]
    renderer = Renderer(Identity("m", "r"))
    renderer.render(read, "text", lambda: pauses.append(1))
    first = len(pauses)
    renderer.render(read, "text", lambda: pauses.append(1))
    assert first >= 2 * len(NAMES) / BATCH
    assert len(pauses) - first <= len(NAMES) / SEGMENT + 1


def test_new_keys_replace_the_old_ones() -> None:
    renderer = Renderer(Identity("m", "r"))
    renderer.render([Family(CATALOG["model_loss"], keys(("train",)), (1.0,))], "text")
    text = renderer.render([Family(CATALOG["model_loss"], keys(("test",)), (1.0,))], "text").decode()
    assert 'split="test"' in text
    assert 'split="train"' not in text


@given(FLOATS)
def test_a_number_is_written_as_go_does(value: float) -> None:
    assert number(value) == floatToGoString(value)


def test_escaped_labels_are_read_back_by_the_clients_parser() -> None:
    identity = Identity('a "quoted" \\ name', "two\nlines")
    text = Renderer(identity).render([single("model_learning_rate", 0.1)], "text").decode()
    (family,) = text_string_to_metric_families(text)
    assert family.samples[0].labels == identity.as_labels()


def test_a_lone_surrogate_does_not_stop_the_scrape() -> None:
    text = Renderer(Identity("a\ud800", "r")).render([single("model_learning_rate", 0.1)], "text")
    assert b'model="a?"' in text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_unchanged_nonfinite_value_is_rendered_the_same_again(value: float) -> None:
    renderer, read = Renderer(Identity("m", "r")), [single("model_learning_rate", value)]
    assert renderer.render(read, "text") == renderer.render(read, "text")
