"""Pages from tables: Parquet and Arrow files, which data sets are shared as, by path or fsspec URL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from corpus.errors import BadSource
from corpus.records import Document, Skipped
from corpus.sources.jsonl import page_of_row
from corpus.sources.lines import storable

_BATCH = 256


def read_parquet(path: str, *, skip: int = 0) -> Iterator[Document | Skipped]:
    """The rows of a .parquet, .arrow or .feather file as pages, with the columns that a JSON line has as keys.

    Rows that are no page come as Skipped("file:ROW", reason); memory is that of a few hundred rows. Raises BadSource at
    once where the file cannot be opened or the extra `sources` is not installed.
    """
    try:
        import fsspec
        import pyarrow
    except ImportError as error:
        raise BadSource(
            f"{path} needs the package {error.name!r} to be read.", "Install it: pip install 'stillweb[sources]'"
        ) from error
    try:
        file = fsspec.open(path, "rb").open()
        batches = _parquet(file) if path.lower().endswith(".parquet") else _arrow(file)
    except (OSError, ValueError, ImportError, pyarrow.ArrowException) as error:
        raise BadSource(f"{path} cannot be read: {error}.", "Name a .parquet, .arrow or .feather file.") from error
    return _pages(storable(path.rstrip("/").rsplit("/", 1)[-1]), batches, skip)


def _parquet(file: Any) -> Iterator[Any]:
    from pyarrow import parquet

    batches: Iterator[Any] = parquet.ParquetFile(file).iter_batches(batch_size=_BATCH)
    return batches


def _arrow(file: Any) -> Iterator[Any]:
    """Batches of an Arrow file or stream: `datasets` writes streams under the same name."""
    from pyarrow import ArrowInvalid, ipc

    try:
        reader = ipc.open_file(file)
    except ArrowInvalid:
        file.seek(0)
        return iter(ipc.open_stream(file))
    return (reader.get_batch(i) for i in range(reader.num_record_batches))


def _plain(value: Any) -> Any:
    """Dates and times as JSON has them."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _pages(name: str, batches: Iterator[Any], skip: int) -> Iterator[Document | Skipped]:
    import pyarrow

    row = 0
    try:
        for batch in batches:
            if row + batch.num_rows <= skip:  # passed over without a look inside
                row += batch.num_rows
                continue
            for values in batch.slice(max(0, skip - row)).to_pylist():
                row = max(row, skip) + 1
                yield page_of_row(f"{name}:{row}", {key: _plain(value) for key, value in values.items()})
    except (OSError, pyarrow.ArrowException) as error:
        yield Skipped(name, f"the file cannot be read behind row {row}: {error}")
