"""The watched directories as a tree: a node knows its parent, so renaming a directory touches one node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from watcher.files.snapshot import Snapshot


class Node:
    """A directory. `watch` is its watch descriptor; where it has none, `polled` is what it looked like last.

    `identity` is device and inode of what is watched, which is not used again as long as the watch lasts. `prefix` is
    for `Tree.prefix`, and right if `known` is the number of renames so far.
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
    """Why it is in doubt whether what is at a place is watched.

    `known`: it was seen to be this directory, which has another place in the tree. `looks`: how often it was looked at
    in vain when there were no events to be read.
    """

    known: Node | None = None
    looks: int = 0


class Tree:
    """Nodes by watch descriptor and by name. Names are as of the events that have been read, not always as of now.

    `unwatched` counts the directories that are polled, those below a polled one included.
    """

    def __init__(self) -> None:
        self.root = Node(None, b"")
        self.by_watch: dict[int, Node] = {}
        self.polled: set[Node] = set()
        self.unwatched = 0
        self._renames = 0

    def prefix(self, node: Node) -> bytes:
        """The path of the directory with a slash behind it; b"" for the root. Computed once between two renames."""
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
        """The directory that has this path."""
        node: Node | None = self.root
        for name in path.split(b"/"):
            node = node and node.children.get(name)
        return node

    def holds(self, node: Node) -> bool:
        """Whether the node has a place in the tree still."""
        while node.parent and node.parent.children.get(node.name) is node:
            node = node.parent
        return node is self.root

    def is_below(self, node: Node | None, above: Node) -> bool:
        """Whether it is the same node or one below it."""
        while node is not None and node is not above:
            node = node.parent
        return node is not None

    def watched(self, node: Node, watch: int, identity: tuple[int, int]) -> None:
        """The node has this watch from now on and is not polled."""
        node.watch, node.identity = watch, identity
        self.by_watch[watch] = node
        self._ends_polling(node)

    def polls(self, node: Node, snapshot: Snapshot) -> None:
        """The node has no watch and is polled from now on."""
        self._ends_polling(node)
        node.polled = snapshot
        self.polled.add(node)
        self.unwatched += _directories(snapshot)

    def below(self, node: Node, name: bytes) -> Node:
        """The child of that name, a new one if there is none."""
        if (child := node.children.get(name)) is None:
            child = node.children[name] = Node(node, name)
        return child

    def move(self, node: Node, parent: Node, name: bytes) -> None:
        """Give a node, not the root, another place, which must be free, and not below itself."""
        if node.parent:
            del node.parent.children[node.name]
        node.parent, node.name = parent, name
        parent.children[name] = node
        self._renames += 1

    def lost_watch(self, node: Node) -> None:
        """The system has taken its watch away."""
        if node.watch is not None:
            del self.by_watch[node.watch]
            node.watch = node.identity = None

    def remove(self, node: Node) -> Iterator[int]:
        """Take a node out with all that is below it; yields the watches that they had. Exhaust it."""
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
    """How many there are, the top included."""
    return 1 + sum(seen.directory for seen in snapshot.values())
