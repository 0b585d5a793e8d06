"""watchdog's native observer keeps the contract, but for upheavals: on Linux it loses track of directories then.

There `ingest-watch` refuses it.
"""

from __future__ import annotations

from tests.watcher.files.contract import BackendContract, ExclusionContract
from tests.watcher.files.contract_tree import RootContract, TreeContract
from watcher.files.observer import ObserverBackend
from watcher.files.root import Excluded


class ObserverFixtures:
    def make(self, root: bytes, excluded: Excluded) -> ObserverBackend:
        return ObserverBackend(root, excluded)


class TestContract(ObserverFixtures, BackendContract):
    pass


class TestExclusions(ObserverFixtures, ExclusionContract):
    pass


class TestTrees(ObserverFixtures, TreeContract):
    pass


class TestRoot(ObserverFixtures, RootContract):
    pass
