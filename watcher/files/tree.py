"""The watched directories as a tree: a node knows its parent, so renaming a directory touches one node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from watcher.files.snapshot import Snapshot


class Node:
    """A directory. `watch` is its watch descriptor; without one, `polled` is its latest snapshot.

    `identity` is device and inode of the watched directory; the inode is not reused while the watch exists. `prefix` is
    a cache of `Tree.prefix`, valid if `known` is the number of renames so far.
    """

    __slots__ = ("children", "identity", "known", "name", "parent", "polled", "prefix", "watch")

    def __init__(self, parent: Node | None, name: bytes) -> None:
        self.parent = parent
        self.name = name
        self.children: dict[bytes, Node] = {}
        self.watch: int | None = None
        self.identity: tuple[int, int] | None = None
        self.polled: Snapshot | None = None
        self.prefix = b""
        self.known = -1


Place = tuple[Node, bytes]
"""A name in a directory."""


@dataclass(slots=True)
class Doubt:
    """Why it is unknown whether the directory at a place is watched.

    `known`: it was seen to be this directory, which has another place in the tree. `looks`: how many checks have failed
    to resolve the doubt while no events were waiting.
    """

    known: Node | None = None
    looks: int = 0


class Tree:
    """Nodes by watch descriptor and by name. Names are those after the events read so far, not always the current ones.

    `unwatched` counts the directories that are polled, those below a polled one included.
    """

    def __init__(self) -> None:
        self.root = Node(None, b"")
        self.by_watch: dict[int, Node] = {}
        self.polled: set[Node] = set()
        self.unwatched = 0
        self._renames = 0

    def prefix(self, node: Node) -> bytes:
        """The path of the directory and a slash; b"" for the root. Computed once between two renames."""
        outdated = []
        while node.parent and node.known != self._renames:
            outdated.append(node)
            node = node.parent
        prefix = node.prefix
        for each in reversed(outdated):
            each.prefix = prefix = prefix + each.name + b"/"
            each.known = self._renames
        return prefix

    def path(self, node: Node) -> bytes:
        """The path of the directory, b"" for the root."""
        return self.prefix(node)[:-1]

    def find(self, path: bytes) -> Node | None:
        """The directory at this path."""
        node: Node | None = self.root
        for name in path.split(b"/"):
            node = node and node.children.get(name)
        return node

    def holds(self, node: Node) -> bool:
        """Whether the node is still in the tree."""
        while node.parent and node.parent.children.get(node.name) is node:
            node = node.parent
        return node is self.root

    def is_below(self, node: Node | None, above: Node) -> bool:
        """Whether a node is `above` or below it."""
        while node is not None and node is not above:
            node = node.parent
        return node is not None

    def watched(self, node: Node, watch: int, identity: tuple[int, int]) -> None:
        """Record that the node has this watch from now on and is not polled."""
        node.watch, node.identity = watch, identity
        self.by_watch[watch] = node
        self._ends_polling(node)

    def polls(self, node: Node, snapshot: Snapshot) -> None:
        """Record that the node has no watch and is polled from now on."""
        self._ends_polling(node)
        node.polled = snapshot
        self.polled.add(node)
        self.unwatched += _directories(snapshot)

    def below(self, node: Node, name: bytes) -> Node:
        """The child of that name; it is created if there is none."""
        if (child := node.children.get(name)) is None:
            child = node.children[name] = Node(node, name)
        return child

    def move(self, node: Node, parent: Node, name: bytes) -> None:
        """Move a node, not the root, to another place, which must be free and not below the node."""
        if node.parent:
            del node.parent.children[node.name]
        node.parent, node.name = parent, name
        parent.children[name] = node
        self._renames += 1

    def lost_watch(self, node: Node) -> None:
        """Record that the system has removed the watch of the node."""
        if node.watch is not None:
            del self.by_watch[node.watch]
            node.watch = node.identity = None

    def remove(self, node: Node) -> Iterator[int]:
        """Remove a node and all nodes below it; yields their watches. The caller must exhaust it."""
        if node.parent:
            node.parent.children.pop(node.name, None)
        pending = [node]
        while pending:
            each = pending.pop()
            pending.extend(each.children.values())
            self._ends_polling(each)
            if each.watch is not None:
                self.by_watch.pop(each.watch, None)
                yield each.watch

    def _ends_polling(self, node: Node) -> None:
        if node.polled is not None:
            self.unwatched -= _directories(node.polled)
            node.polled = None
            self.polled.discard(node)


def _directories(snapshot: Snapshot) -> int:
    """The number of directories in a snapshot, and one for its top."""
    return 1 + sum(seen.directory for seen in snapshot.values())
