"""The inotify backend keeps the contract, and makes up for what the system cannot hold."""

from __future__ import annotations

from tests.watcher.contract import BackendContract, ExclusionContract
from tests.watcher.contract_tree import RootContract, TreeContract, UpheavalContract
from watcher.inotify import InotifyBackend
from watcher.root import Excluded


class InotifyFixtures:
    def make(self, root: bytes, excluded: Excluded) -> InotifyBackend:
        return InotifyBackend(root, excluded)


class TestContract(InotifyFixtures, BackendContract):
    pass


class TestExclusions(InotifyFixtures, ExclusionContract):
    pass


class TestTrees(InotifyFixtures, TreeContract):
    pass


class TestUpheaval(InotifyFixtures, UpheavalContract):
    pass


class TestRoot(InotifyFixtures, RootContract):
    pass
