"""States as trees of plain values, arrays and records, and in the form that a file can contain.

A tree consists of ``None``, booleans, numbers, strings, lists, dictionaries with string keys, numpy arrays, and records:
named tuples and dataclasses. The reader names the types of the records; nothing else is created from a file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ARRAY, _RECORD = "$array", "$record"


def flatten(tree: Any) -> tuple[Any, NDArray[np.uint8]]:
    """A tree as plain JSON, and the bytes of all its arrays in one array: a thousand arrays must not be a thousand files.

    >>> plain, data = flatten({"a": np.array([1.5]), "b": [None, 2]})
    >>> plain
    {'a': {'$array': ['<f8', [1], 0]}, 'b': [None, 2]}
    >>> unflatten(plain, data)
    {'a': array([1.5]), 'b': [None, 2]}
    """
    chunks: list[bytes] = []
    plain = _flattened(tree, chunks, [0])
    return plain, np.frombuffer(b"".join(chunks), dtype=np.uint8)


def unflatten(plain: Any, data: NDArray[np.uint8], records: Sequence[type] = ()) -> Any:
    """The tree of :func:`flatten`, with lists instead of tuples.

    Args:
        plain: As of :func:`flatten`.
        data: As of :func:`flatten`.
        records: Types of the records that it may contain.

    Raises:
        KeyError: A record of another type.
        ValueError: Not a result of :func:`flatten`.
    """
    return _restored(plain, data.tobytes(), {kind.__name__: kind for kind in records})


def _flattened(tree: Any, chunks: list[bytes], offset: list[int]) -> Any:
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    if isinstance(tree, np.generic):
        return tree.item()
    if isinstance(tree, np.ndarray):
        raw = np.ascontiguousarray(tree).tobytes()
        at = offset[0]
        chunks.append(raw)
        offset[0] += len(raw)
        return {_ARRAY: [tree.dtype.str, list(tree.shape), at]}
    fields = _fields(tree)
    if fields is not None:
        return {_RECORD: type(tree).__name__} | {
            name: _flattened(getattr(tree, name), chunks, offset) for name in fields
        }
    if isinstance(tree, Mapping):
        return {str(name): _flattened(value, chunks, offset) for name, value in tree.items()}
    if isinstance(tree, Sequence):
        return [_flattened(value, chunks, offset) for value in tree]
    raise TypeError(f"a state cannot hold a {type(tree).__name__}")


def _fields(tree: Any) -> tuple[str, ...] | None:
    if dataclasses.is_dataclass(tree):
        return tuple(field.name for field in dataclasses.fields(tree))
    return getattr(tree, "_fields", None)


def _restored(plain: Any, data: bytes, records: Mapping[str, type]) -> Any:
    if isinstance(plain, list):
        return [_restored(value, data, records) for value in plain]
    if not isinstance(plain, dict):
        return plain
    if _ARRAY in plain:
        kind, shape, at = plain[_ARRAY]
        dtype = np.dtype(kind)
        count = int(np.prod(shape, dtype=np.int64))
        return (
            np.frombuffer(data, dtype, count, at).reshape(shape).copy() if count else np.zeros(shape, dtype)
        )
    values = {name: _restored(value, data, records) for name, value in plain.items() if name != _RECORD}
    return records[plain[_RECORD]](**values) if _RECORD in plain else values
