"""What a tree looked like at one moment, and what must have happened between two such moments.

For trees that the kernel does not watch: remote writes on NFS or Lustre, directories beyond the limit of watches.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from ingest.paths import ancestors, is_below, prefix_of
from watcher.events import Directory, Event, Gone, Missed, Moved, Written
from watcher.files.root import Excluded

RECENT_SECONDS = 0.02
"""For how long a file system may give the same time to another change; local ones count in ticks of 1 to 10 ms."""
RECENT_SECONDS_OF_WHOLE = 2.0
"""The same for file systems that know whole seconds only."""
RECENT = -1


class Seen(NamedTuple):
    """One entry. `unique`: no other name can have this identity, as hard links do.

    `changed`: its ctime, or RECENT if it may change again without another one; so it is said to have changed next time.
    `told`: it was said that it is there, and whoever heard it looked at it after this snapshot only.
    `held`: it was not said yet that it is there or has changed, since it may be growing; `new`: nothing ever was.
    """

    directory: bool
    regular: bool
    unique: bool
    identity: tuple[int, int]
    content: tuple[int, int]
    changed: int
    told: bool = False
    held: bool = False
    new: bool = False

    @classmethod
    def of(cls, found: os.stat_result) -> Seen:
        """Out of what lstat gives."""
        directory = stat.S_ISDIR(found.st_mode)
        recent = RECENT_SECONDS if found.st_ctime_ns % 1_000_000_000 else RECENT_SECONDS_OF_WHOLE
        return cls(
            directory,
            stat.S_ISREG(found.st_mode),
            directory or found.st_nlink == 1,
            (found.st_dev, found.st_ino),
            (found.st_size, found.st_mtime_ns),
            RECENT if abs(time.time() - found.st_ctime) < recent else found.st_ctime_ns,
        )


Snapshot = dict[bytes, Seen]
"""Path below the top → entry; a directory comes before what is in it. The top itself is not among them."""


Change = Written | Directory | Gone | Moved | Missed


def take(root: bytes, top: bytes, excluded: Excluded, before: Snapshot) -> Snapshot:
    """What is below the directory `top` of the root now.

    Of a directory that cannot be listed (not one that is gone) it repeats what `before` has: nobody saw that leave.
    """
    found: Snapshot = {}
    pending = [b""]
    while pending:
        path = pending.pop()
        try:
            with os.scandir(os.path.join(root, top, path).rstrip(b"/") or b"/") as entries:
                for entry in entries:
                    below = os.path.join(path, entry.name)
                    seen = _look(entry)
                    if seen and not excluded(os.path.join(top, below), seen.directory):
                        found[below] = seen
                        if seen.directory:
                            pending.append(below)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            found |= {each: seen for each, seen in before.items() if is_below(each, path) and each not in found}
    return found


def _look(entry: os.DirEntry[bytes]) -> Seen | None:
    try:
        return Seen.of(entry.stat(follow_symlinks=False))
    except OSError:
        return None


def compare(before: Snapshot, after: Snapshot, top: bytes = b"", *, at_once: bool = False) -> Iterator[Event]:
    """What led from one to the other, moves first, then what is gone, then what is there or has changed.

    That a regular file was written is said when its size and mtime stood still from one to the other, so perhaps by the
    next comparison, with `after`. With `at_once` it is said now, to somebody who will hear of further changes.

    `top` is the path of the top, to which those of the snapshots are relative. A rename is known by device and inode.
    Where these could mislead (hard links, an inode used again for other content) something is gone and something new.
    """
    prefix = prefix_of(top)
    for event in _compare(before, after, at_once=at_once):
        if isinstance(event, Moved):
            yield replace(event, old=prefix + event.old, new=prefix + event.new)
        else:
            yield replace(event, path=(prefix + event.path).rstrip(b"/"))


def _compare(before: Snapshot, after: Snapshot, *, at_once: bool) -> Iterator[Change]:
    moves, moved = _moves(before, after)
    ordered = list(_in_order(moves))
    yield from ordered
    gone: set[bytes] = set()
    for path, seen in moved.items():
        now = after.get(path)
        if now is None or now.directory != seen.directory:
            if os.path.dirname(path) not in gone:
                yield Gone(path, seen.directory)
            if seen.directory:
                gone.add(path)
    crossed = _crossed([each for each in ordered if isinstance(each, Moved)])
    yield from _there(before, moved, after, {move.new for move in moves}, crossed, at_once=at_once)


def _crossed(moves: list[Moved]) -> set[bytes]:
    """The new names of what is moved below a name that is taken later, or out of one that was taken before."""
    turns = {move.new: turn for turn, move in enumerate(moves)}
    return {
        move.new
        for turn, move in enumerate(moves)
        if any(turns.get(above, -1) > turn for above in ancestors(move.new))
        or any(turns.get(above, len(moves)) <= turn for above in ancestors(move.old))
    }


def _there(
    before: Snapshot, moved: Snapshot, after: Snapshot, arrived: set[bytes], crossed: set[bytes], *, at_once: bool
) -> Iterator[Change]:
    """What is new or has changed, or was perhaps not there when it was looked at; of a new directory all in it."""
    left: set[bytes] = set()
    entered: set[bytes] = set()
    for path, now in after.items():
        seen = moved.get(path)
        above = os.path.dirname(path)
        if now.directory and (above in left or _may_have_left(path, above, before, after)):
            left.add(path)
        appeared = seen is None or seen.directory != now.directory
        in_vain = seen is not None and seen.told and (path in left or above in left)
        again = in_vain or above in entered or path in crossed
        if now.directory and (appeared or again):
            entered.add(path)
            yield Directory(path)
        elif not now.directory and (appeared or again or (seen and _differs(seen, now, just_content=path in arrived))):
            new = appeared or bool(seen and seen.new)
            if now.regular and not at_once and not (seen and seen.content == now.content):
                after[path] = now._replace(held=True, new=new)
                continue
            yield Written(path, new=new)
        elif path not in arrived and not (above and after[above].told):
            continue
        after[path] = now._replace(told=True, held=False, new=False)


def _may_have_left(path: bytes, above: bytes, before: Snapshot, after: Snapshot) -> bool:
    """Whether a directory may have had another name between the two, so that it was looked at in vain meanwhile."""
    one, other = before.get(path), after[path]
    if one is None or one.identity != other.identity:
        return True
    return one.changed != other.changed and (not above or before[above].changed != after[above].changed)


def _differs(before: Seen, now: Seen, *, just_content: bool) -> bool:
    """A rename changes ctime, so of what was renamed only the content is compared."""
    if before.held or before.content != now.content or (just_content and before.changed == RECENT):
        return True
    return not just_content and (before.identity, before.changed) != (now.identity, now.changed)


def _moves(before: Snapshot, after: Snapshot) -> tuple[list[Moved], Snapshot]:
    """The renames, and `before` with the names that it has after them."""
    targets = _targets(before, after)
    moves: list[Moved] = []
    moved: Snapshot = {}
    places: dict[bytes, bytes] = {}
    for path, seen in before.items():
        parent, name = os.path.split(path)
        here = os.path.join(places[parent], name) if parent else name
        places[path] = target = targets.get(path, here)
        if target != here:
            moves.append(Moved(here, target, seen.directory))
            moved[target] = seen
        else:
            moved.setdefault(here, seen)
    return moves, moved


def _targets(before: Snapshot, after: Snapshot) -> dict[bytes, bytes]:
    """Old path → new path of everything that has another path now, by a rename of its own or of a directory above."""
    left = {
        seen.identity: path
        for path, seen in before.items()
        if seen.unique and ((now := after.get(path)) is None or now.identity != seen.identity)
    }
    pairs = {}
    for new, now in after.items():
        old = left.get(now.identity)
        if old is not None and old != new and now.unique and before[old].directory == now.directory:
            pairs[old] = new
    same = {old: new for old, new in pairs.items() if before[old].content == after[new].content}
    names_kept = {
        (os.path.dirname(old), os.path.dirname(new))
        for old, new in same.items()
        if os.path.basename(old) == os.path.basename(new)
    }
    # A directory in which something was made since is still the same one if it kept something.
    kept = {old: new for old, new in pairs.items() if before[old].directory and (old, new) in names_kept}
    # What nothing was said of is new under its other name.
    return {old: new for old, new in (same | kept).items() if not before[old].new}


def _in_order(moves: list[Moved]) -> Iterator[Moved | Missed]:
    """The moves, each only when its new name is free; of names that were exchanged nothing is known but the place."""
    pending = moves
    while pending:
        taken = {move.old for move in pending}
        free = [move for move in pending if move.new not in taken]
        yield from free
        if not free:
            for place in {os.path.dirname(move.new) for move in pending}:
                yield Missed(place, "names were exchanged")
            return
        pending = [move for move in pending if move.new in taken]
