"""Whatever happens in a source, the catalog is in step with it once all that was published is done."""

from __future__ import annotations

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.watcher.model import FOLDER, Catalog, Tree, is_temporary, missed, parent
from watcher.events import Event, Work
from watcher.settle import Settler

QUIET = 1.0
NAMES = (b"a", b"b", b"t.part")
PATHS = [*NAMES, *(one + b"/" + two for one in NAMES for two in NAMES), b"a/a/a", b"a/a/b", b"b/a/a", b"b/a/b"]


class Histories(RuleBasedStateMachine):
    """Work is done the moment it is published."""

    most = 1000

    def __init__(self) -> None:
        super().__init__()
        self.tree = Tree()
        self.catalog = Catalog(self.tree)
        self.settler = Settler(QUIET, is_temporary, most=self.most)
        self.now = 0.0
        self.undone: deque[Work] = deque()

    def free(self) -> list[bytes]:
        """Names under which something can be made."""
        return [path for path in PATHS if self.tree.has_room(path)]

    def movable(self) -> list[tuple[bytes, bytes]]:
        """Old and new names of the moves that are possible."""
        return [(old, new) for old in sorted(self.tree.paths) for new in PATHS if self.tree.can_move(old, new)]

    def tell(self, events: list[Event]) -> None:
        for event in events:
            self.settler.add(event, self.now)

    def publish(self) -> None:
        self.undone.extend(self.settler.due(self.now))
        self.work(len(self.undone))

    def work(self, most: int) -> None:
        for _ in range(min(most, len(self.undone))):
            self.catalog.do(self.undone.popleft())

    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        files = [path for path in PATHS if self.tree.paths.get(path, FOLDER) != FOLDER]
        self.tell(self.tree.write(data.draw(st.sampled_from(files + self.free()))))

    @precondition(lambda self: bool(self.free()))
    @rule(data=st.data(), names=st.lists(st.sampled_from(NAMES), unique=True))
    def make(self, data: st.DataObject, names: list[bytes]) -> None:
        self.tell(self.tree.arrive(data.draw(st.sampled_from(self.free())), names))

    @precondition(lambda self: bool(self.movable()))
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        old, new = data.draw(st.sampled_from(self.movable()))
        self.tell(self.tree.move(old, new))

    @precondition(lambda self: bool(self.tree.paths))
    @rule(data=st.data(), out=st.booleans())
    def remove(self, data: st.DataObject, out: bool) -> None:
        path = data.draw(st.sampled_from(sorted(self.tree.paths)))
        self.tell(self.tree.leave(path) if out else self.tree.remove(path))

    @rule(seconds=st.sampled_from([0.0, 0.4, 1.0, 1.1]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.publish()

    def teardown(self) -> None:
        while (due := self.settler.next_due()) is not None:
            self.now = max(self.now, due)
            self.publish()
        self.work(len(self.undone))
        assert len(self.settler) == 0
        assert self.catalog.paths == self.tree.published()
        super().teardown()


class HistoriesWithGaps(Histories):
    """Some of what happens is not seen, and that is said."""

    @precondition(lambda self: bool(self.movable()))
    @rule(data=st.data())
    def move_unseen(self, data: st.DataObject) -> None:
        old, new = data.draw(st.sampled_from(self.movable()))
        self.tree.move(old, new)
        self.tell(missed(self.tree, parent(old)) + missed(self.tree, parent(new)))


class HistoriesWithLittleRoom(Histories):
    """Only two paths may wait, so most are published before they have settled."""

    most = 2


class HistoriesOfASlowConsumer(Histories):
    """Work is done some time after it was published, when the source has gone on."""

    def publish(self) -> None:
        self.undone.extend(self.settler.due(self.now))

    @rule(most=st.integers(1, 4))
    def catch_up(self, most: int) -> None:
        self.work(most)


TestHistories = Histories.TestCase
TestHistoriesWithGaps = HistoriesWithGaps.TestCase
TestHistoriesWithLittleRoom = HistoriesWithLittleRoom.TestCase
TestHistoriesOfASlowConsumer = HistoriesOfASlowConsumer.TestCase
for machine in (TestHistories, TestHistoriesWithGaps, TestHistoriesWithLittleRoom, TestHistoriesOfASlowConsumer):
    machine.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
del machine  # else it is collected once more
