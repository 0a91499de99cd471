"""Values that nobody should pass, and some that one may: numbers, arrays of every dtype and container, tables, names."""

from __future__ import annotations

import array
import decimal
import fractions
import pathlib
import warnings
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pandas
import polars
import pyarrow
from hypothesis import strategies as st
from scipy import sparse


class Odd:
    """Can neither be compared nor hashed."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    def __repr__(self) -> str:
        return "Odd()"


class Tensor:
    """A tensor as PyTorch's: it has a gradient, and is on a device that NumPy cannot read."""

    def __init__(self, values: Any, *, on_device: bool = True) -> None:
        self.values, self._on_device = np.asarray(values), on_device
        self.shape = self.values.shape

    def __repr__(self) -> str:
        return f"Tensor({self.values.tolist()!r})"

    @property
    def is_cpu(self) -> bool:
        return not self._on_device

    def numel(self) -> int:
        return self.values.size

    def detach(self) -> Tensor:
        return Tensor(self.values)

    def clone(self) -> Tensor:
        return Tensor(self.values.copy())

    def cpu(self) -> Tensor:
        return Tensor(self.values, on_device=False)

    def item(self) -> Any:
        return self.values.item()

    def __float__(self) -> float:
        return float(self.values.item())

    def __len__(self) -> int:
        return len(self.values)

    def numpy(self) -> Any:
        return self.__array__()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self._on_device:
            raise TypeError("can't convert a device tensor to numpy: use Tensor.cpu() first")
        return self.values if dtype is None else self.values.astype(dtype)


class Deleted:
    """An array whose memory was given away, as by JAX's donation: it cannot even be shown."""

    dtype, shape, ndim = np.dtype(np.float32), (2,), 1

    def _fail(self, *_: object, **__: object) -> Any:
        raise RuntimeError("Array has been deleted")

    __array__ = __float__ = __len__ = __iter__ = __repr__ = __str__ = item = _fail

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text("Deleted()")  # for hypothesis, which shows what failed


class Lying:
    """Has a length that is none, and no items."""

    def __len__(self) -> int:
        return -1  # noqa: PLE0303 that is the lie

    def __getitem__(self, at: int) -> Any:
        raise KeyError(at)

    def __repr__(self) -> str:
        return "Lying()"


def _endless() -> Iterator[int]:
    raise OSError("the disk of the loader is gone")
    yield 0


#: Numbers of every kind, and what looks like one.
NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 5, 32.0, 0.5, -0.5, 1e-310, 1e308, -1e308, 10**400, -(10**400), 2**53, 2**63),
    *(float("nan"), float("inf"), -float("inf"), True, False, None, 3 + 4j, "1.0", "nan", b"1"),
    *(np.float16(0.25), np.float32(0.5), np.float64(1.5), np.longdouble(0.1), np.int8(-1), np.uint64(2**63)),
    *(np.bool_(True), np.complex64(1j), np.datetime64("NaT"), np.timedelta64(3, "s"), np.ma.masked),
    *(ml_dtypes.bfloat16(0.5), ml_dtypes.float8_e4m3fn(0.5), np.array(0.5), np.array([0.5]), np.array([[2]])),
    *(np.array([0.1, 0.2]), np.array([]), np.array(None), np.array("x"), np.ma.array([1.0], mask=[True])),
    *(decimal.Decimal("0.1"), fractions.Fraction(1, 3), pandas.NA, pandas.NaT, pandas.Timestamp(0)),
    *(Tensor(0.25), Tensor([0.5]), Tensor([1.0, 2.0]), Deleted(), pyarrow.scalar(0.5), pyarrow.scalar(None)),
)

#: Names, good and bad.
NAMES: tuple[Any, ...] = (
    *(
        "loss",
        "accuracy",
        "train",
        "validation",
        "test",
        "f0",
        "x",
        "",
        " ",
        "a b",
        "a\nb",
        "a\0b",
        "a\\b\"c'",
    ),
    *("é" * 500, "\udce9", "\U0010ffff", "\u202eabc", "A" * 200, "A" * 201, "model_loss", "__class__", "0"),
    *("other", "step", "time", "läuft", "../../etc", "/dev/null/x", "http://h", "{}", "%s", "nan", "\ud800x"),
    *("a\x1b[2Jb", "[::1", 'a"}, "b', "\\"),
)

#: Things that are no data at all.
THINGS: tuple[Any, ...] = (
    *(object(), Odd(), Lying(), int, Ellipsis, NotImplemented, pathlib.Path("/dev/null/x"), b"", b"x", ()),
    *([], {}, {"a": None}, {1: 2}, {"loss": float("nan")}, {"accuracy": {"warning": "x"}}, set(), {"a"}),
    *([None], [1, "a"], ["a", "a"], [[1], [2, 3]], [[]], [[], []], range(3), slice(3), memoryview(b"ab")),
    *({"x": [1, 2]}, {"loss": 10**400}, [True, None], [1.0, None], [float("nan")], [10**400], [2**64]),
    *(bytearray(b"ab"), array.array("d", [0.0, 1.0]), [np.array([1, 2]), np.array([1])], [Odd(), Odd()]),
    *([Deleted()], [Tensor(0.5), Tensor(0.25)], {"y": Odd()}, ["\udce9", "a"], [b"a", b"b"], [1, 2, 3]),
)

_DTYPES = (
    *("?", "b", "B", "i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", "g", ">f4", ">i8", "F", "D"),
    *("U3", "S3", "O", "M8[s]", "m8[s]", "V4", "T"),
    *(ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fn, ml_dtypes.int4, ml_dtypes.uint4),
)
_SHAPES = ("n", "n1", "n2", "n3", "n33", "n133", "n233", "n331", "n0", "", "n3n", "m", "1n")
_CONTENTS = (
    "bits",
    "codes",
    "negative",
    "shares",
    "normal",
    "rows",
    "huge",
    "nan",
    "inf",
    "holes",
    "missing label",
)


def shape(kind: str, n: int) -> tuple[int, ...]:
    """A shape by its letters: n rows, m another number of them, and digits."""
    return tuple({"n": n, "m": n + 1}.get(one) if one in "nm" else int(one) for one in kind)


def numbers(rng: np.random.Generator, content: str, size: tuple[int, ...]) -> Any:
    """An array of float64 with one kind of content."""
    if content in ("bits", "codes", "negative"):
        return rng.integers(*{"bits": (0, 2), "codes": (0, 4), "negative": (-3, 3)}[content], size).astype(
            float
        )
    if content in ("shares", "rows"):
        found = rng.random(size)
        return found if content == "shares" or found.ndim < 2 else found / found.sum(axis=-1, keepdims=True)
    if content in ("huge", "nan", "inf"):
        return np.full(size, {"huge": 1e300, "nan": np.nan, "inf": rng.choice([np.inf, -np.inf])}[content])
    found = (
        rng.normal(size=size) * 3 if content != "missing label" else rng.integers(0, 3, size).astype(float)
    )
    spoil = rng.random(size) < 0.3
    if content == "holes":
        return np.where(spoil, rng.choice([np.nan, np.inf, -np.inf]), found)
    return np.where(spoil, -100.0, found) if content == "missing label" else found


def as_dtype(values: Any, dtype: Any) -> Any:
    """An array in another dtype, whatever that makes of its values."""
    with np.errstate(all="ignore"):
        if dtype in ("M8[s]", "m8[s]", "V4"):
            whole = (
                np.nan_to_num(values, posinf=0, neginf=0).clip(-9, 9).astype("i4" if dtype == "V4" else "i8")
            )
            return whole.view(np.dtype(dtype))
        if np.dtype(dtype).kind in "biu" or "int4" in str(dtype):
            values = np.nan_to_num(values, posinf=0, neginf=0).clip(-100, 100)
        return values.astype(dtype)


_CONTAINERS = (
    *("array",) * 4,
    *(
        "list",
        "tuple",
        "fortran",
        "strided",
        "reversed",
        "read-only",
        "masked",
        "all masked",
        "matrix",
        "tensor",
    ),
    *(
        "objects",
        "pandas",
        "polars",
        "pyarrow",
        "sparse",
        "memory",
        "rows",
        "iterator",
        "categorical",
        "nullable",
    ),
)


def contained(rng: np.random.Generator, values: Any, container: str) -> Any:  # noqa: PLR0911, PLR0912
    """An array in a container; one that cannot take it gives the array itself."""
    try:
        match container:
            case "list" | "tuple":
                return tuple(values.tolist()) if container == "tuple" else values.tolist()
            case "fortran":
                return np.asfortranarray(values)
            case "strided":
                return np.repeat(values, 2, axis=0)[::2]
            case "reversed":
                return values[::-1].copy()[::-1]
            case "read-only":
                values.flags.writeable = False
                return values
            case "masked" | "all masked":
                share = 0.4 if container == "masked" else 1.1
                return np.ma.array(values, mask=rng.random(values.shape) < share)
            case "matrix":
                return np.asmatrix(values)
            case "tensor":
                return Tensor(values)
            case "objects":
                return values.astype(object)
            case "pandas":
                return pandas.Series(values) if values.ndim == 1 else pandas.DataFrame(values)
            case "polars":
                return (
                    polars.Series(values.tolist())
                    if values.ndim == 1
                    else polars.DataFrame(values.tolist(), orient="row")
                )
            case "pyarrow":
                return pyarrow.chunked_array([pyarrow.array(values.tolist())])
            case "sparse":
                return sparse.csr_array(values)
            case "memory":
                return memoryview(np.ascontiguousarray(values))
            case "rows":
                return list(values)
            case "iterator":
                return iter(values.tolist())
            case "categorical":
                return pandas.Series(pandas.Categorical(values))
            case "nullable":
                found = pandas.Series(values).convert_dtypes()
                found[rng.random(len(found)) < 0.3] = pandas.NA
                return found
            case _:
                return values
    except Exception:  # noqa: BLE001 not every library takes every array
        return values


@st.composite
def arrays(draw: st.DrawFn, rows: int | None = None) -> Any:
    """Arrays of any content, dtype, shape and container, most of them with the given number of rows."""
    n = draw(st.sampled_from([0, 1, 2, 3, 5])) if rows is None else rows
    content, size = draw(st.sampled_from(_CONTENTS)), shape(draw(st.sampled_from(_SHAPES)), n)
    dtype = draw(st.sampled_from(("f8", "f4", "i8", *_DTYPES)))
    container = draw(st.sampled_from(_CONTAINERS))
    rng = np.random.default_rng(draw(st.integers(0, 255)))
    return contained(rng, as_dtype(numbers(rng, content, size), dtype), container)


_COLUMNS = (
    *(
        "numbers",
        "codes",
        "texts",
        "texts with gaps",
        "mixed",
        "bools",
        "dates",
        "lists",
        "nothing",
        "enum",
        "nan",
    ),
    *("objects", "bytes", "decimals", "huge", "nullable", "complex", "dicts"),
)


def column(rng: np.random.Generator, kind: str, n: int) -> list[Any]:
    """A column of a table, as a list."""
    bits = rng.integers(0, 2, n).tolist()
    return {
        "numbers": lambda: rng.normal(size=n).tolist(),
        "codes": lambda: rng.integers(0, 3, n).tolist(),
        "texts": lambda: [["a", "b"][bit] for bit in bits],
        "texts with gaps": lambda: [["a", None][bit] for bit in bits],
        "mixed": lambda: [["a", 1.5][bit] for bit in bits],
        "bools": lambda: [bool(bit) for bit in bits],
        "dates": lambda: [pandas.Timestamp(bit, unit="D") for bit in bits],
        "lists": lambda: [[1, 2]] * n,
        "nothing": lambda: [None] * n,
        "enum": lambda: [["x", "y"][bit] for bit in bits],
        "nan": lambda: [float("nan")] * n,
        "objects": lambda: [Odd() for _ in bits],
        "bytes": lambda: [b"\xff"] * n,
        "decimals": lambda: [decimal.Decimal("0.1")] * n,
        "huge": lambda: [1e308 * (2 * bit - 1) for bit in bits],
        "nullable": lambda: [[1, pandas.NA][bit] for bit in bits],
        "complex": lambda: [1j] * n,
        "dicts": lambda: [{"a": 1}] * n,
    }[kind]()


@st.composite
def tables(draw: st.DrawFn, rows: int | None = None) -> Any:
    """Tables of pandas, polars and pyarrow, or dictionaries, with columns of any kind and of any name."""
    n = draw(st.sampled_from([0, 1, 3, 30])) if rows is None else rows
    kinds = draw(st.lists(st.sampled_from(_COLUMNS), min_size=0, max_size=4))
    library = draw(st.sampled_from(["pandas", "pandas", "polars", "pyarrow", "dict", "records"]))
    naming = draw(st.sampled_from(["f", "f", "same", "numbers", "odd", "levels"]))
    rng = np.random.default_rng(draw(st.integers(0, 255)))
    data = [column(rng, kind, n) for kind in kinds]
    return _table(library, _names(naming, len(kinds)), data, kinds)


def _names(naming: str, count: int) -> list[Any]:
    return {
        "f": [f"f{at}" for at in range(count)],
        "same": ["f0"] * count,
        "numbers": list(range(count)),
        "odd": [NAMES[at * 7 % len(NAMES)] for at in range(count)],
        "levels": [("a", at) for at in range(count)],
    }[naming]


def _table(library: str, names: list[Any], data: list[list[Any]], kinds: list[str]) -> Any:
    try:
        if library == "polars":
            series = [
                polars.Series(str(name), one, dtype=polars.Enum(["x", "y"]) if kind == "enum" else None)
                for name, one, kind in zip(names, data, kinds, strict=True)
            ]
            return polars.DataFrame(series)
        if library == "pyarrow":
            return pyarrow.table([pyarrow.array(one) for one in data], names=list(map(str, names)))
        if library == "dict":
            return dict(zip(names, data, strict=True))
        frame = pandas.DataFrame(dict(enumerate(data)))
        for at, kind in enumerate(kinds):
            if kind == "enum":
                frame[at] = frame[at].astype("category")
        frame.columns = pandas.Index(names) if names else frame.columns
        return frame if library == "pandas" else frame.to_records()
    except Exception:  # noqa: BLE001 not every library takes every column
        return dict(zip(map(str, names), data, strict=True))


def _more() -> tuple[Any, ...]:
    """Tensors of PyTorch that are not what they look like, where PyTorch is loaded."""
    import sys

    torch = sys.modules.get("torch")
    if torch is None:
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantized and nested tensors are deprecated or new
        return (
            torch.tensor(0.5, requires_grad=True),
            torch.tensor([0.5, 0.25], dtype=torch.bfloat16),
            torch.empty(2, device="meta"),
            torch.empty((), device="meta"),
            torch.tensor([0, 1]).to_sparse(),
            torch.tensor([1 + 1j, 0]),
            torch.tensor([1 + 1j, 0]).conj(),
            torch.zeros(0),
            torch.tensor([True, False]),
            torch.quantize_per_tensor(torch.tensor([0.0, 1.0]), 0.1, 0, torch.quint8),
            torch.tensor([0.5, 0.25], dtype=torch.float8_e5m2),
            torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)]),
        )


def anything(rows: int | None = None) -> st.SearchStrategy[Any]:
    """Any of all of these."""
    more = _more()
    return st.one_of(
        st.sampled_from(NUMBERS),
        st.sampled_from(NAMES),
        st.sampled_from(THINGS),
        arrays(rows),
        arrays(rows),
        tables(rows),
        *([st.sampled_from(more)] if more else []),
    )
