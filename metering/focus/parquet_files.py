"""FOCUS rows as Parquet: decimals as decimal128, a row group at a time, so that memory stays flat.

pyarrow is an optional dependency (``pip install 'pyarrow>=21'``): it is the largest by far.
"""

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

from metering.focus import columns
from metering.focus.asked import Unusable
from metering.focus.records import Record

ROWS_AT_A_TIME = 5_000  # of a row group
PRECISION, SCALE = 38, 12


def is_available() -> bool:
    return importlib.util.find_spec("pyarrow") is not None


def write(out: IO[bytes], records: Iterable[Record], names: Sequence[str]) -> None:
    """The same rows give the same bytes. Raises Unusable where pyarrow is not installed."""
    if not is_available():
        raise Unusable("Parquet needs pyarrow, which is not installed: pip install 'pyarrow>=21'")
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _type(pa, name)) for name in names])
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in _batches(records):
            writer.write_table(pa.table(_columns(batch, names), schema=schema))


def _type(pa: Any, name: str) -> Any:
    if name in columns.DECIMALS:
        return pa.decimal128(PRECISION, SCALE)
    return pa.timestamp("ms", tz="UTC") if name in columns.MOMENTS else pa.string()


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    rest = iter(records)
    while batch := list(islice(rest, ROWS_AT_A_TIME)):
        yield batch


def _columns(batch: Sequence[Record], names: Sequence[str]) -> dict[str, list[Any]]:
    rows: list[dict[str, Any]] = [{**r.whose, **r.sku, **r.amounts} for r in batch]
    return {name: [row.get(name) for row in rows] for name in names}
