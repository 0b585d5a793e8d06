"""Changes in a source: what there can be, drawn at random on names alone, and made on disk later.

There are two kinds of files. A frame always has FRAME_BYTES bytes, and its content is replaced. A log only grows. So
PUT_APPEND, which appends the new tail of a longer file, has a right result for every sequence of changes.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FRAME_BYTES = 64
LOG_BYTES = 3000
FRAME_TIME_NS = 1_700_000_000 * 10**9
"""The modification time of frames that all have the same one."""
KEPT = "kept"
"""A file to which nothing happens: of an empty source nothing is deleted."""
FRAME, LOG = "frame", "log"
SAME, OWN, WRITTEN = "same", "own", "written"
"""The modification times of frames."""


def content(number: int, size: int) -> bytes:
    """Return `size` bytes that no other number has."""
    line = hashlib.sha256(str(number).encode()).hexdigest().encode()
    return (line * (size // len(line) + 1))[:size]


def set_time(path: Path, time_ns: int | None) -> None:
    """Set the modification time of a file, if there is one to set."""
    if time_ns is not None:
        os.utime(path, ns=(time_ns, time_ns))


@dataclass(frozen=True)
class Change:
    """One change: its kind, the paths that it is about (relative to the source), and the number of its content."""

    kind: str
    path: str
    other: str = ""
    number: int = 0
    time_ns: int | None = None
    """The modification time that what is written gets; None for the time of writing."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.path, self.other)))


class Source:
    """A directory on disk, and another one on the same file system from which files are moved in."""

    def __init__(self, root: Path, aside: Path) -> None:
        self.root = root
        self._aside = aside / "written"

    def make(self, change: Change) -> None:
        """Make a change."""
        _MAKE[change.kind](self, change)

    def path(self, relative: str) -> Path:
        """Return the absolute path."""
        return self.root / relative

    def write(self, path: Path, change: Change, size: int = FRAME_BYTES) -> None:
        """Write a file at its place."""
        path.write_bytes(content(change.number, size))
        set_time(path, change.time_ns)

    def replace(self, change: Change, time_ns: int | None = None) -> None:
        """Write a file aside and rename it over the path."""
        self.write(self._aside, change)
        set_time(self._aside, time_ns)
        self._aside.rename(self.path(change.path))


def _create(source: Source, change: Change) -> None:
    source.write(source.path(change.path), change)


def _create_log(source: Source, change: Change) -> None:
    source.write(source.path(change.path), change, LOG_BYTES)


def _create_directory(source: Source, change: Change) -> None:
    source.path(change.path).mkdir()


def _append(source: Source, change: Change) -> None:
    with source.path(change.path).open("ab") as file:
        file.write(content(change.number, LOG_BYTES))


def _rewrite(source: Source, change: Change) -> None:
    with source.path(change.path).open("r+b") as file:
        file.write(content(change.number, FRAME_BYTES))
    set_time(source.path(change.path), change.time_ns)


def _replace_with_same_time(source: Source, change: Change) -> None:
    source.replace(change, source.path(change.path).stat().st_mtime_ns)


def _move(source: Source, change: Change) -> None:
    source.path(change.path).rename(source.path(change.other))


def _swap(source: Source, change: Change) -> None:
    one, two = source.path(change.path), source.path(change.other)
    between = one.with_name(f"between-{change.number}")
    one.rename(between)
    two.rename(one)
    between.rename(two)


def _save_by_rename(source: Source, change: Change) -> None:
    path, backup = source.path(change.path), source.path(change.other)
    path.rename(backup)
    source.write(path, change)
    backup.unlink()


def _become_directory(source: Source, change: Change) -> None:
    source.path(change.path).unlink()
    source.path(change.path).mkdir()
    source.write(source.path(change.other), change)


def _link(source: Source, change: Change) -> None:
    os.link(source.path(change.path), source.path(change.other))


def _delete(source: Source, change: Change) -> None:
    source.path(change.path).unlink()


_MAKE: dict[str, Callable[[Source, Change], None]] = {
    "create": _create,
    "create log": _create_log,
    "create directory": _create_directory,
    "append": _append,
    "rewrite": _rewrite,
    "replace": Source.replace,
    "replace with same time": _replace_with_same_time,
    "move": _move,
    "move over": _move,
    "move directory": _move,
    "swap": _swap,
    "save by rename": _save_by_rename,
    "become directory": _become_directory,
    "hard link": _link,
    "delete": _delete,
}


@dataclass
class Names:
    """The names of a source while changes are drawn; nothing is done on disk."""

    rng: random.Random
    deletes: bool
    """Whether the job deletes: without that, a file that becomes a directory finds its name taken."""
    times: str
    """SAME: all new frames have the same modification time, as those of some cameras; OWN: each content has its own."""
    files: dict[str, str] = field(default_factory=lambda: {KEPT: ""})
    """Path → FRAME or LOG; nothing for KEPT."""
    directories: list[str] = field(default_factory=list)
    came: Counter[str] = field(default_factory=lambda: Counter({KEPT: 1}))
    """How often something came to be at a path."""
    touched: set[str] = field(default_factory=set)
    """All paths that were changed after the beginning."""
    _number: int = 0

    def beginning(self, files: int, directories: int) -> list[Change]:
        """Draw the changes that make the first tree."""
        made = [self._create_directory() for _ in range(directories)]
        made += [self._create_log() if number % 4 == 0 else self._create() for number in range(files)]
        self.touched.clear()
        return made

    def draw(self) -> Change:
        """Draw one change that is possible now."""
        kinds = [
            self._create, self._create_log, self._create_directory, self._append, self._rewrite, self._replace,
            self._move, self._move_over, self._move_directory, self._swap,
            self._save_by_rename, self._link, self._delete, *([self._become_directory] if self.deletes else []),
            *([] if self.times == OWN else [self._replace_with_same_time]),
        ]  # fmt: skip
        while True:
            if (change := self.rng.choice(kinds)()) is not None:
                return change

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _time(self) -> int | None:
        own = FRAME_TIME_NS + self._next() * 10**9
        return {SAME: FRAME_TIME_NS, OWN: own}.get(self.times)

    def _new(self, stem: str, above: str | None = None) -> str:
        above = self.rng.choice(["", *self.directories]) if above is None else above
        return f"{above}/{stem}-{self._next()}".lstrip("/")

    def _of(self, *kinds: str) -> list[str]:
        return sorted(path for path, kind in self.files.items() if kind in kinds)

    def _appears(self, path: str, kind: str) -> None:
        self.files[path] = kind
        self._comes(path)

    def _comes(self, *paths: str) -> None:
        self.came.update(paths)
        self.touched.update(paths)

    def _goes(self, path: str) -> str:
        self.touched.add(path)
        return self.files.pop(path)

    def _create(self) -> Change:
        path = self._new(FRAME)
        self._appears(path, FRAME)
        return Change("create", path, "", self._next(), self._time())

    def _create_log(self) -> Change:
        path = self._new(LOG)
        self._appears(path, LOG)
        return Change("create log", path, "", self._next())

    def _create_directory(self) -> Change:
        path = self._new("d")
        self.directories.append(path)
        self._comes(path)
        return Change("create directory", path)

    def _append(self) -> Change | None:
        return self._written("append", LOG)

    def _rewrite(self) -> Change | None:
        return self._written("rewrite", FRAME)

    def _replace(self) -> Change | None:
        return self._written("replace", FRAME)

    def _replace_with_same_time(self) -> Change | None:
        return self._written("replace with same time", FRAME)

    def _written(self, what: str, kind: str) -> Change | None:
        if not (paths := self._of(kind)):
            return None
        path = self.rng.choice(paths)
        self.touched.add(path)
        return Change(what, path, "", self._next(), self._time() if self.times == OWN and kind == FRAME else None)

    def _move(self) -> Change | None:
        if not (paths := self._of(FRAME, LOG)):
            return None
        path = self.rng.choice(paths)
        kind = self._goes(path)
        new = self._new(kind)
        self._appears(new, kind)
        return Change("move", path, new)

    def _two_frames(self) -> tuple[str, str] | None:
        if len(paths := self._of(FRAME)) < 2:
            return None
        one, two = self.rng.sample(paths, 2)
        return one, two

    def _move_over(self) -> Change | None:
        if (found := self._two_frames()) is None:
            return None
        self._goes(found[0])
        self._appears(found[1], FRAME)
        return Change("move over", *found)

    def _swap(self) -> Change | None:
        if (found := self._two_frames()) is None:
            return None
        number = self._next()
        between = str(Path(found[0]).with_name(f"between-{number}"))
        self._comes(*found, between)
        return Change("swap", *found, number)

    def _save_by_rename(self) -> Change | None:
        if not (paths := self._of(FRAME)):
            return None
        path = self.rng.choice(paths)
        self._comes(path, f"{path}~")
        return Change("save by rename", path, f"{path}~", self._next(), self._time())

    def _move_directory(self) -> Change | None:
        if not self.directories:
            return None
        old = self.rng.choice(sorted(self.directories))
        others = [each for each in ("", *self.directories) if not f"{each}/".startswith(f"{old}/")]
        new = self._new("d", self.rng.choice(others))
        below = [path for path in sorted(self.files) if path.startswith(f"{old}/")]
        for path in below:
            self._appears(new + path.removeprefix(old), self._goes(path))
        moved = [path for path in self.directories if f"{path}/".startswith(f"{old}/")]
        for path in moved:
            self.directories[self.directories.index(path)] = new + path.removeprefix(old)
            self._comes(new + path.removeprefix(old))
        self.touched.update(moved)
        return Change("move directory", old, new)

    def _become_directory(self) -> Change | None:
        if not (paths := self._of(FRAME)):
            return None
        path = self.rng.choice(paths)
        self._goes(path)
        self.directories.append(path)
        self._comes(path)
        inside = self._new(FRAME, path)
        self._appears(inside, FRAME)
        return Change("become directory", path, inside, self._next(), self._time())

    def _link(self) -> Change | None:
        if not (paths := self._of(FRAME)):
            return None
        path, new = self.rng.choice(paths), self._new(FRAME)
        self._appears(new, FRAME)
        return Change("hard link", path, new)

    def _delete(self) -> Change | None:
        if not (paths := self._of(FRAME, LOG)):
            return None
        path = self.rng.choice(paths)
        self._goes(path)
        return Change("delete", path)
