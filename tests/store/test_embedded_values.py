"""The embedded store keeps the contract for the values of handlers."""

from __future__ import annotations

from tests.store.test_embedded import EmbeddedFixtures
from tests.store.values_contract import ValuesContract


class TestValues(EmbeddedFixtures, ValuesContract):
    pass
