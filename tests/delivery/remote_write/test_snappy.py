"""Snappy blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.delivery.remote_write.receiver import unpacked
from traingauge.delivery.remote_write import snappy
from traingauge.delivery.remote_write.snappy import Message, compress


@pytest.fixture(autouse=True)
def _no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snappy, "_compiled", lambda: None)


@given(
    st.binary(max_size=300),
    st.lists(
        st.tuples(st.binary(min_size=1, max_size=20), st.integers(1, 50), st.binary(max_size=30)), max_size=8
    ),
)
def test_what_was_compressed_is_what_is_unpacked(
    before: bytes, parts: list[tuple[bytes, int, bytes]]
) -> None:
    messages = [Message(part * times + end, len(part) + 3) for part, times, end in parts]
    packed = compress(before, messages)
    assert unpacked(packed) == before + b"".join(message.data for message in messages)


@pytest.mark.parametrize("size", [0, 1, 59, 60, 61, 255, 256, 257, 65535, 65536, 65537, 200_000])
def test_literals_of_every_size_are_unpacked(size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    assert unpacked(compress(data, [])) == data


@pytest.mark.parametrize("size", [1, 4, 11, 12, 63, 64, 65, 128, 5000])
def test_copies_of_every_size_are_unpacked(size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    packed = compress(b"", [Message(data, size), Message(data, size)])
    assert unpacked(packed) == data * 2
    assert size < 12 or len(packed) < 1.9 * size + 10


def test_a_library_that_is_installed_compresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snappy, "_compiled", lambda: lambda data: b"by a library: " + data)
    assert compress(b"a", [Message(b"b", 1)]) == b"by a library: ab"
