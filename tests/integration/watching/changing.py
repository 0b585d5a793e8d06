"""A directory to which things happen, a burst at a time, and what must still be itself after a burst."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, NamedTuple


class Change(NamedTuple):
    """`old` was renamed to `new`; without `new` it was created, replaced or removed, with all below it."""

    old: bytes
    new: bytes | None = None


def within(path: bytes, directory: bytes) -> bool:
    """Whether it is the directory or lies below it; b"" is the source itself."""
    return not directory or path == directory or path.startswith(directory + b"/")


def undisturbed(before: Iterable[bytes], changes: list[Change]) -> dict[bytes, bytes]:
    """Which of the things that were settled before a burst must be the same object or collection after it: new → old.

    The rule: all that happened to such a thing is that it was written to, or that it or directories above it were
    renamed, once or several times, to names that were free before the burst; and nothing else happened, earlier or
    later in the burst, to any name that it had, nor to a directory above one. A name is not free either when something
    that was settled got it in the burst, even if that was removed meanwhile: then that one's object may stay.
    """
    tracks = {name: _names(name, changes) for name in before}
    owners: dict[bytes, set[bytes]] = {}
    for name, track in tracks.items():
        for each in track:
            owners.setdefault(each, set()).add(name)
    contested = {name for each in owners.values() if len(each) > 1 for name in each if tracks[name] != [name]}
    return {
        track[-1]: name
        for name, track in tracks.items()
        if not any(_is_moved_by(track, each, changes) for each in map(tracks.__getitem__, contested))
        and len(set(track)) == len(track)
        and not any(within(each, other) for each in track for other in _others(name, changes))
    }


def _names(name: bytes, changes: list[Change]) -> list[bytes]:
    """The names that what had this name before the burst got one after the other."""
    track = [name]
    for old, new in changes:
        if new is not None and within(track[-1], old):
            track.append(new + track[-1][len(old) :])
    return track


def _is_moved_by(track: list[bytes], directory: list[bytes], changes: list[Change]) -> bool:
    """Whether a thing is the one with the other track, or was renamed together with it."""
    return any(
        new is not None and old in directory and new in directory and any(within(each, old) for each in track)
        for old, new in changes
    )


def _others(name: bytes, changes: list[Change]) -> list[bytes]:
    """The names to which something happened that did not rename this thing."""
    at, others = name, list[bytes]()
    for old, new in changes:
        if new is not None and within(at, old):
            at = new + at[len(old) :]
        else:
            others += [old] if new is None else [old, new]
    return others


class Source:
    """The directory. Its changes since `settle` are remembered; `told` has all of them, in words.

    Paths are relative to it. A method does nothing when what it is to do cannot be done.
    """

    def __init__(self, root: Path, aside: Path) -> None:
        """`aside` is a directory on the same file system, outside."""
        self.root = os.fsencode(root)
        self._aside = os.fsencode(aside)
        self._moved_out = self._dated = 0
        self.changes: list[Change] = []
        self.wrote = False
        """Whether anything was written to files since `settle`."""
        self.told: list[str] = []

    def path(self, relative: bytes) -> bytes:
        return os.path.join(self.root, relative) if relative else self.root

    def everything(self) -> list[bytes]:
        """The paths of all entries, sorted."""
        found = []
        for above, directories, files in os.walk(self.root):
            found += [os.path.relpath(os.path.join(above, name), self.root) for name in (*directories, *files)]
        return sorted(found)

    def is_directory(self, path: bytes) -> bool:
        return os.path.isdir(self.path(path)) and not os.path.islink(self.path(path))

    def directories(self) -> list[bytes]:
        """The paths of all directories that are not too deep, the source first."""
        return [b"", *(each for each in self.everything() if each.count(b"/") < 3 and self.is_directory(each))]

    def files(self) -> list[bytes]:
        return [each for each in self.everything() if not self.is_directory(each)]

    def settle(self) -> None:
        """A burst has ended."""
        self.changes, self.wrote = [], False
        self.told.append("--- at rest")

    def _date(self, file: IO[bytes]) -> None:
        """Give it a time of its own: the system's clock gives the same one to files that are written at once."""
        file.flush()
        self._dated += 1
        now = time.time_ns()
        os.utime(file.fileno(), ns=(now, now - now % 1_000_000 + self._dated % 1_000_000))

    def _did(self, what: str, *paths: bytes, change: Change | None = None) -> None:
        self.told.append(" ".join([f"{time.monotonic():.3f} {what}", *map(repr, paths)]))
        if change is not None:
            self.changes.append(change)

    def remove(self, path: bytes) -> None:
        """Whatever is there."""
        if self.is_directory(path):
            shutil.rmtree(self.path(path))
        elif os.path.lexists(self.path(path)):
            os.unlink(self.path(path))
        else:
            return
        self._did("remove", path, change=Change(path))

    def write(self, path: bytes, data: bytes, mode: str) -> None:
        """Write to a file, or make one; `mode` is that of `open`. Not to one with other names: only one would tell."""
        if self.is_directory(path):
            self.remove(path)
        there = os.path.lexists(self.path(path))
        if there and (os.path.islink(self.path(path)) or os.lstat(self.path(path)).st_nlink > 1):
            return
        self.wrote = True
        with open(self.path(path), mode) as file:
            file.write(data)
            self._date(file)
        self._did(f"write({mode}) {data!r}", path, change=None if there else Change(path))

    def truncate(self, path: bytes) -> None:
        """To one byte, unless it has other names."""
        there = os.lstat(self.path(path))
        if stat.S_ISREG(there.st_mode) and there.st_nlink == 1:
            self.wrote = True
            with open(self.path(path), "r+b") as file:
                file.truncate(1)
                self._date(file)
            self._did("truncate", path)

    def save(self, path: bytes, data: bytes) -> None:
        """As editors do: another file with the new content takes the name."""
        if self.is_directory(path):
            return
        self.wrote = True
        other = path + b"~"
        with open(self.path(other), "wb") as file:
            file.write(data)
            self._date(file)
        os.rename(self.path(other), self.path(path))
        self._did(f"save {data!r}", path)
        self.changes += [Change(other), Change(path)]

    def make(self, path: bytes) -> None:
        if not self.is_directory(path):
            self.remove(path)
            os.mkdir(self.path(path))
            self._did("mkdir", path, change=Change(path))

    def link(self, old: bytes, path: bytes, *, symbolic: bool) -> None:
        """A further name for a file, or a link to it, whose path must not change then."""
        if os.path.lexists(self.path(path)) or not os.path.isfile(self.path(old)) or os.path.islink(self.path(old)):
            return
        (os.symlink if symbolic else os.link)(self.path(old), self.path(path))
        self._did("symlink" if symbolic else "link", old, path, change=Change(path))

    def rename(self, old: bytes, new: bytes) -> None:
        """As rename(2) does it; what is in the way and cannot be replaced is removed before."""
        if within(new, old) or within(old, new):
            return
        both = self.is_directory(old) and self.is_directory(new)
        if (self.is_directory(old) or self.is_directory(new)) and not (both and not os.listdir(self.path(new))):
            self.remove(new)
        if os.path.lexists(self.path(new)) and os.path.samefile(self.path(old), self.path(new)):
            return
        os.rename(self.path(old), self.path(new))
        self._did("rename", old, new, change=Change(old, new))

    def swap(self, one: bytes, other: bytes, through: bytes) -> None:
        """The two take each other's names by way of a third, which must be free."""
        if within(one, other) or within(other, one) or os.path.lexists(self.path(through)):
            return
        if within(through, one) or within(through, other):
            return
        for old, new in ((one, through), (other, one), (through, other)):
            self.rename(old, new)

    def move_out(self, path: bytes) -> None:
        self._moved_out += 1
        os.rename(self.path(path), os.path.join(self._aside, b"%d" % self._moved_out))
        self._did("move out", path, change=Change(path))

    def move_in(self, name: Callable[[bool], bytes]) -> None:
        """What was moved out last, under a name that depends on whether it is a directory."""
        aside = os.path.join(self._aside, b"%d" % self._moved_out)
        if not os.path.lexists(aside):
            return
        path = name(os.path.isdir(aside) and not os.path.islink(aside))
        self.remove(path)
        os.rename(aside, self.path(path))
        self._did("move in", path, change=Change(path))
