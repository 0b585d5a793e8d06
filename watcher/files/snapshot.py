"""Snapshots of a tree, and the events that lead from one snapshot to the next.

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
"""Seconds in which a later change may get the same time: local file systems count in ticks of 1 to 10 ms."""
RECENT_SECONDS_OF_WHOLE = 2.0
"""The same for file systems that store whole seconds only."""
RECENT = -1


class Seen(NamedTuple):
    """One entry. `unique`: no other name has this identity, as hard links do.

    `changed`: its ctime, or RECENT if a later change may have the same ctime; then the next comparison reports it.
    `reported`: an event of it was returned, and consumers looked at it only after this snapshot.
    `held`: its event is held back since it may still be growing; `new`: no event of it was ever returned.
    """

    directory: bool
    regular: bool
    unique: bool
    identity: tuple[int, int]
    content: tuple[int, int]
    changed: int
    reported: bool = False
    held: bool = False
    new: bool = False

    @classmethod
    def of(cls, found: os.stat_result) -> Seen:
        """The entry for the result of an lstat."""
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
"""Path below the top → entry; a directory precedes its entries. The top itself is not included."""


Change = Written | Directory | Gone | Moved | Missed


def take(root: bytes, top: bytes, excluded: Excluded, before: Snapshot) -> Snapshot:
    """Take a snapshot of everything below the directory `top` of the root.

    If a directory exists but cannot be listed, its entries are carried over from `before`.
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
    """Return the events from one snapshot to the next: first moves, then deletions, then new and changed entries.

    A regular file that was written is reported once its size and mtime are equal in two snapshots, so perhaps by the
    next comparison, with `after`. With `at_once` it is reported now: further changes of it will be reported, too.

    `top` is the path of the top, to which the paths in the snapshots are relative. Device and inode identify a rename.
    Where they may mislead (hard links, an inode reused for other content) a deletion and a new entry are reported.
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
    deleted: set[bytes] = set()
    for path, seen in moved.items():
        now = after.get(path)
        if now is None or now.directory != seen.directory:
            if os.path.dirname(path) not in deleted:
                yield Gone(path, seen.directory)
            if seen.directory:
                deleted.add(path)
    crossed = _crossed([each for each in ordered if isinstance(each, Moved)])
    yield from _there(before, moved, after, {move.new for move in moves}, crossed, at_once=at_once)


def _crossed(moves: list[Moved]) -> set[bytes]:
    """The new names of moves into a directory that is moved there later, or out of one that was replaced before."""
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
    """Report new and changed entries, entries that consumers may have missed, and all entries of a new directory."""
    left: set[bytes] = set()
    entered: set[bytes] = set()
    for path, now in after.items():
        seen = moved.get(path)
        above = os.path.dirname(path)
        if now.directory and (above in left or _may_have_left(path, above, before, after)):
            left.add(path)
        appeared = seen is None or seen.directory != now.directory
        missed = seen is not None and seen.reported and (path in left or above in left)
        again = missed or above in entered or path in crossed
        if now.directory and (appeared or again):
            entered.add(path)
            yield Directory(path)
        elif not now.directory and (appeared or again or (seen and _differs(seen, now, just_content=path in arrived))):
            new = appeared or bool(seen and seen.new)
            if now.regular and not at_once and not (seen and seen.content == now.content):
                after[path] = now._replace(held=True, new=new)
                continue
            yield Written(path, new=new)
        elif path not in arrived and not (above and after[above].reported):
            continue
        after[path] = now._replace(reported=True, held=False, new=False)


def _may_have_left(path: bytes, above: bytes, before: Snapshot, after: Snapshot) -> bool:
    """Whether a directory may have had another name between the two, so that consumers did not find it."""
    one, other = before.get(path), after[path]
    if one is None or one.identity != other.identity:
        return True
    return one.changed != other.changed and (not above or before[above].changed != after[above].changed)


def _differs(before: Seen, now: Seen, *, just_content: bool) -> bool:
    """Whether an entry has changed. A rename changes ctime, so only the content of renamed entries is compared."""
    if before.held or before.content != now.content or (just_content and before.changed == RECENT):
        return True
    return not just_content and (before.identity, before.changed) != (now.identity, now.changed)


def _moves(before: Snapshot, after: Snapshot) -> tuple[list[Moved], Snapshot]:
    """The renames, and the snapshot `before` with the names after them."""
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
    """Old path → new path of each entry that was renamed, by itself or with a directory above it."""
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
    # A directory with new entries is still the same one if it kept an old entry.
    kept = {old: new for old, new in pairs.items() if before[old].directory and (old, new) in names_kept}
    # An entry that was never reported is new under its new name.
    return {old: new for old, new in (same | kept).items() if not before[old].new}


def _in_order(moves: list[Moved]) -> Iterator[Moved | Missed]:
    """The moves in an order in which each new name is free. For exchanged names, only their directory is reported."""
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
