"""A hash of a row's content, which orders two rows that contradict each other.

The hash of a row is the sum of the hashes of its cells, modulo 2^64. The hash of a cell depends only on its value and
the name of its column, and that of a null cell is zero. So the order of the columns, a column that is added later, the
width of a float and the versions of libraries do not change the hash. It breaks ties and is not cryptographic.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Words = NDArray[np.uint64]
# SplitMix64's finaliser (Steele, Lea and Flood 2014): every input bit reaches every output bit.
MIX_STEPS: Final = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def content_hash(rows: pl.DataFrame) -> pl.Series:
    """Return the 64-bit hash of each row; columns hold numbers, times or texts."""
    total = np.zeros(rows.height, dtype=np.uint64)
    for column in rows:
        total += _cells(column)
    return pl.Series("content", total, pl.UInt64)


def cell_hash(column: pl.Series) -> pl.Series:
    """Return the 64-bit hash of each cell of a column of numbers, times or texts; zero for a null."""
    return pl.Series(column.name, _cells(column), pl.UInt64)


def _cells(column: pl.Series) -> Words:
    cells = _mix(_mix(_words(column)) + np.uint64(_digest(column.name)))
    cells[column.is_null().to_numpy()] = 0
    return cells


def _words(column: pl.Series) -> Words:
    """Return 64 bits for each value; for a null they are arbitrary."""
    if column.dtype == pl.String:
        texts = column.unique().drop_nulls()
        digests = pl.Series((_digest(text) for text in texts), dtype=pl.UInt64)
        words = column.replace_strict(texts, digests, default=0, return_dtype=pl.UInt64).to_numpy()
    elif column.dtype.is_float():
        values = column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0  # -0.0 is 0.0
        words = values.view(np.uint64)
    else:
        words = column.to_physical().cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64)
    return np.asarray(words, dtype=np.uint64)


def _mix(words: Words) -> Words:
    words = words + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in MIX_STEPS:
        words = (words ^ (words >> np.uint64(shift))) * np.uint64(factor)
    mixed: Words = words ^ (words >> np.uint64(31))
    return mixed


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
