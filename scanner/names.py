"""The names in one directory, in order of their bytes: in memory, or on disk when there are many."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from ingest.sqlite import temporary


class NamesInMemory:
    """For directories of the usual size."""

    def __init__(self, names: list[bytes]) -> None:
        self._names = dict.fromkeys(sorted(names))

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def after(self, name: bytes) -> Iterator[bytes]:
        """The names behind `name`, in order; b"" for all."""
        return (each for each in self._names if each > name) if name else iter(self._names)

    def close(self) -> None:
        """Free the memory."""
        self._names = {}


class NamesOnDisk:
    """A table in a temporary file of SQLite without a name, which the system removes when it is closed."""

    def __init__(self, names: Iterator[bytes]) -> None:
        self._database = temporary("CREATE TABLE entry (name BLOB NOT NULL)")
        try:
            self._database.executemany("INSERT INTO entry VALUES (?)", zip(names))
            # Sorting once at the end is faster than keeping a million names in order.
            self._database.execute("CREATE INDEX by_name ON entry (name)")
        except BaseException:
            self._database.close()
            raise

    def __len__(self) -> int:
        count: int = self._database.execute("SELECT count(DISTINCT name) FROM entry").fetchone()[0]
        return count

    def __contains__(self, name: object) -> bool:
        row = self._database.execute("SELECT 1 FROM entry WHERE name = ? LIMIT 1", (name,)).fetchone()
        return row is not None

    def after(self, name: bytes) -> Iterator[bytes]:
        """The names behind `name`, in order; b"" for all."""
        rows = self._database.execute("SELECT DISTINCT name FROM entry WHERE name > ? ORDER BY name", (name,))
        return (row[0] for row in rows)

    def close(self) -> None:
        """Remove the file."""
        self._database.close()


Names = NamesInMemory | NamesOnDisk


def collect(names: Iterator[bytes], spill_above: int) -> Names:
    """Take all names, twice the same one or not, and hold at most `spill_above` of them in memory.

    Raises what the iterator raises, and sqlite3.Error when there is no place for a temporary file.
    """
    first = list(islice(names, spill_above + 1))
    if len(first) <= spill_above:
        return NamesInMemory(first)
    return NamesOnDisk(chain(first, names))
