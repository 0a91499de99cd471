"""Export of a saved run: as CSV, as Parquet, and as OpenMetrics with timestamps, which Prometheus can import."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG, SPLITS, Metric
from traingauge.core.collectors.scores import RECORDS
from traingauge.core.families import Identity, Key, labels_of
from traingauge.core.row_series import published_as
from traingauge.core.step_log import StepLog
from traingauge.extras import require
from traingauge.logs import logger
from traingauge.state.log import Extent
from traingauge.state.log import read as read_log
from traingauge.state.store import Saved, newest
from traingauge.stats.streaming.not_given import is_given

Table = Mapping[str, NDArray[np.float64]]


def read(directory: Path) -> tuple[Saved, dict[str, Table]]:
    """The newest state in a directory, and the rows of every split; the run may be live, and no file is changed.

    Rows that are missing or damaged are left out, with a warning.

    Raises:
        FileNotFoundError: The directory holds no state.
        DamagedFileError: No state can be read.
    """
    saved = newest(directory, RECORDS)
    if saved is None:
        raise FileNotFoundError(f"{directory} holds no state of a run")
    log = StepLog()
    log.restore(saved.tree["history"])
    extent = Extent.restored(saved.tree["log"])
    blocks = [block for _, block in read_log(directory, extent, _left_out, tables=SPLITS)]
    tables = {split: log.table(split, blocks) for split in SPLITS}
    return saved, {split: table for split, table in tables.items() if table}


def given_up(saved: Saved) -> int:
    """Rows that are no longer there: the disk did not keep up, or the log had become too large."""
    return int(saved.tree["history"]["given_up"] + saved.tree["log"]["deleted"])


def _left_out(error: Exception) -> None:
    logger.warning("rows are left out: %s", error)


def write_csv(tables: Mapping[str, Table], file: TextIO) -> None:
    """Write all rows of all splits as CSV, one line each; values that were not given are empty, NaN is ``nan``."""
    names = list(dict.fromkeys(name for table in tables.values() for name in table))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["split", *names])
    for split, table in tables.items():
        count = len(table["step"])
        columns = [_texts(table[name]) if name in table else [""] * count for name in names]
        writer.writerows(zip([split] * count, *columns, strict=True))


def write_openmetrics(identity: Identity, tables: Mapping[str, Table], file: TextIO) -> None:
    """Write every series with its timestamps, for ``promtool tsdb create-blocks-from openmetrics``.

    Timestamps have a resolution of one millisecond; of several values within one, the last is written. NaN is written,
    values that were not given are not.
    """
    families: dict[str, list[str]] = {}
    for split, table in tables.items():
        for column, values in table.items():
            published = published_as(column, split)
            if published is not None:
                metric, own = published
                labels = labels_of(metric, Key("", own), identity)
                families.setdefault(metric.name, []).extend(_lines(metric, labels, table["time"], values))
    for name in CATALOG:
        if name in families:
            file.write(f"# HELP {name} {CATALOG[name].help}\n# TYPE {name} gauge\n")
            file.writelines(families[name])
    file.write("# EOF\n")


def write_parquet(tables: Mapping[str, Table], path: Path) -> None:
    """Write all rows of all splits to one Parquet file; values that were not given are null.

    Raises:
        ImportError: pyarrow is not installed.
        OSError: The file cannot be written.
    """
    arrow, parquet = require("pyarrow", "parquet"), require("pyarrow.parquet", "parquet")
    pieces = [
        arrow.table(
            {
                "split": [split] * len(table["step"]),
                **{name: arrow.array(values, mask=~is_given(values)) for name, values in table.items()},
            }
        )
        for split, table in tables.items()
    ]
    parquet.write_table(arrow.concat_tables(pieces, promote_options="default"), path)


def _lines(
    metric: Metric,
    labels: Mapping[str, str],
    times: NDArray[np.float64],
    values: NDArray[np.float64],
) -> Iterator[str]:
    there = is_given(values)
    moments, values = np.round(times[there] * 1000)[::-1], values[there][::-1]
    milliseconds, last = np.unique(moments, return_index=True)  # the first of the reversed is the last
    text = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    for moment, value in zip(milliseconds.tolist(), values[last].tolist(), strict=True):
        yield f"{metric.name}{{{text}}} {_number(value)} {moment / 1000:.3f}\n"


def _texts(values: NDArray[np.float64]) -> list[str]:
    there = is_given(values).tolist()
    return [repr(value) if known else "" for value, known in zip(values.tolist(), there, strict=True)]


def _number(value: float) -> str:
    return repr(value).replace("inf", "Inf").replace("nan", "NaN")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
