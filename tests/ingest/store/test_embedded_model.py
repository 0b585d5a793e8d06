"""The embedded store agrees with the model."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings

from ingest.store.embedded import EmbeddedStore
from tests.ingest.store.model import PassMachine
from tests.ingest.store.test_embedded import Clocks


class EmbeddedMachine(PassMachine):
    def open(self) -> EmbeddedStore:
        self.folder = Path(tempfile.mkdtemp())
        self.clocks = Clocks()
        return EmbeddedStore(self.folder / "state.db", self.clocks.machine())

    def lapse(self, seconds: float) -> None:
        self.clocks.lapse(seconds)

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


TestPasses = EmbeddedMachine.TestCase
TestPasses.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
