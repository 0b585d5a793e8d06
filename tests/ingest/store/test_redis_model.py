"""The Redis store agrees with the model."""

from __future__ import annotations

import secrets
from typing import ClassVar

import pytest
from hypothesis import settings

from ingest.store.redis import RedisStore
from tests.ingest.store.model import PassMachine
from tests.ingest.store.test_redis import remove_keys, shift_terms


class RedisMachine(PassMachine):
    url: ClassVar[str]

    def open(self) -> RedisStore:
        self.prefix = f"test-{secrets.token_hex(4)}:"
        return RedisStore(self.url, self.prefix)

    def lapse(self, seconds: float) -> None:
        shift_terms(self.url, self.prefix, -seconds)

    def teardown(self) -> None:
        super().teardown()
        remove_keys(self.url, self.prefix)


class TestPasses(RedisMachine.TestCase):  # type: ignore[misc, valid-type]
    settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

    @pytest.fixture(autouse=True)
    def server(self, redis_url: str) -> None:
        RedisMachine.url = redis_url
