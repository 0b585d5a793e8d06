"""A source tree that tells its events, and a catalog that does the published work by looking at that tree."""

from __future__ import annotations

from watcher.events import (
    Directory,
    Event,
    Gone,
    MakeDirectory,
    Missed,
    Move,
    Moved,
    Rescan,
    Sync,
    Vanish,
    Work,
    Written,
)

FOLDER = -1
"""The version of a directory; files have versions from 1."""


def is_temporary(path: bytes, directory: bool = False) -> bool:
    return any(name.endswith(b".part") for name in path.split(b"/"))


def parent(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def below(paths: dict[bytes, int], directory: bytes) -> list[bytes]:
    """The paths below a directory, parents first."""
    return sorted(path for path in paths if path.startswith(directory + b"/") or not directory)


class Tree:
    """What is in the source: path to version. Each change gives the events that a backend has of it."""

    def __init__(self) -> None:
        self.paths: dict[bytes, int] = {}
        self._version = 0

    def published(self) -> dict[bytes, int]:
        """What the catalog is to have in the end."""
        return {path: version for path, version in self.paths.items() if not is_temporary(path)}

    def has_room(self, path: bytes) -> bool:
        """Whether something can be made under this name."""
        return path not in self.paths and (not parent(path) or self.paths.get(parent(path)) == FOLDER)

    def write(self, path: bytes) -> list[Event]:
        new = path not in self.paths
        self._version += 1
        self.paths[path] = self._version
        return [Written(path, new=new), Written(path)]

    def make(self, path: bytes) -> list[Event]:
        self.paths[path] = FOLDER
        return [Directory(path)]

    def arrive(self, path: bytes, names: list[bytes]) -> list[Event]:
        """A directory with files is moved in."""
        events = self.make(path)
        for name in names:
            events += self.write(path + b"/" + name)
        return events

    def remove(self, path: bytes) -> list[Event]:
        """Also a whole directory, whose entries go one after the other."""
        gone = [path, *below(self.paths, path)] if self.paths[path] == FOLDER else [path]
        return [Gone(each, directory=self.paths.pop(each) == FOLDER) for each in reversed(gone)]

    def leave(self, path: bytes) -> list[Event]:
        """Moved out: nothing is said of what is below."""
        return self.remove(path)[-1:]

    def can_move(self, old: bytes, new: bytes) -> bool:
        """As rename(2) has it: a file may replace a file, and a directory an empty one."""
        if old == new or new.startswith(old + b"/") or (new not in self.paths and not self.has_room(new)):
            return False
        if new not in self.paths:
            return True
        return (self.paths[old] == FOLDER) == (self.paths[new] == FOLDER) and not below(self.paths, new)

    def move(self, old: bytes, new: bytes) -> list[Event]:
        directory = self.paths[old] == FOLDER
        for path in [old, *below(self.paths, old)] if directory else [old]:
            self.paths[new + path[len(old) :]] = self.paths.pop(path)
        return [Moved(old, new, directory)]


class Catalog:
    """Path to version, and to the number of the object, which it has from its creation and keeps when renamed.

    It does no more than it must: a listing goes into no directory that it was not asked for, a move that cannot be made
    lists both parents, and what has the name of the other kind is in the way until a listing removes it.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.paths: dict[bytes, int] = {}
        self.numbers: dict[bytes, int] = {}
        self._created = 0

    def do(self, work: Work) -> None:
        if isinstance(work, Sync):
            self._sync(work.path)
        elif isinstance(work, Vanish):
            if not self._is_file(work.path) and self.paths.get(work.path, FOLDER) != FOLDER:
                self._remove(work.path)
        elif isinstance(work, MakeDirectory):
            if self._is_directory(work.path):
                self._create(work.path, FOLDER)
        elif isinstance(work, Rescan):
            self._rescan(work.path, deep=work.deep)
        else:
            self._move(work)

    def _is_file(self, path: bytes) -> bool:
        return not is_temporary(path) and self._tree.paths.get(path, FOLDER) != FOLDER

    def _is_directory(self, path: bytes) -> bool:
        return not is_temporary(path) and (not path or self._tree.paths.get(path) == FOLDER)

    def _sync(self, path: bytes) -> None:
        if self._is_file(path):
            self._create(path, self._tree.paths[path])
        elif self.paths.get(path, FOLDER) != FOLDER:
            self._remove(path)

    def _create(self, path: bytes, version: int) -> bool:
        """Create or update, with the collections above; False: something of the other kind is in the way."""
        if parent(path) and not self._create(parent(path), FOLDER):
            return False
        if path not in self.paths:
            self._created += 1
            self.paths[path], self.numbers[path] = version, self._created
        elif (self.paths[path] == FOLDER) != (version == FOLDER):
            return False
        self.paths[path] = version
        return True

    def _remove(self, path: bytes) -> None:
        for each in [path, *below(self.paths, path)]:
            del self.paths[each], self.numbers[each]

    def _rescan(self, path: bytes, *, deep: bool) -> None:
        if not self._is_directory(path) or (path and not self._create(path, FOLDER)):
            return
        for each in [each for each in self.paths if parent(each) == path]:
            if each in self.paths and not (self._is_directory if self.paths[each] == FOLDER else self._is_file)(each):
                self._remove(each)
        for each in [each for each in self._tree.paths if parent(each) == path]:
            if self._is_file(each):
                self._sync(each)
            elif deep:
                self._rescan(each, deep=True)

    def _move(self, work: Move) -> None:
        old, new = work.old, work.new
        above = not parent(new) or self.paths.get(parent(new)) == FOLDER
        if old not in self.paths or new in self.paths or not above or (self.paths[old] == FOLDER) != work.directory:
            self._rescan(parent(old), deep=False)
            self._rescan(parent(new), deep=False)
            return
        for path in [old, *below(self.paths, old)] if work.directory else [old]:
            self.paths[new + path[len(old) :]] = self.paths.pop(path)
            self.numbers[new + path[len(old) :]] = self.numbers.pop(path)


def missed(tree: Tree, path: bytes) -> list[Event]:
    """What is said when events were lost at a path: the nearest directory that is there is to be scanned."""
    while path and tree.paths.get(path) != FOLDER:
        path = parent(path)
    return [Missed(path, "the queue ran over")]
