import pytest

# The contracts are no test files by name; only when told does pytest say what differs in their assertions.
pytest.register_assert_rewrite(
    "tests.ingest.store.contract",
    "tests.ingest.store.deletion_contract",
    "tests.ingest.store.task_contract",
    "tests.ingest.store.shared_contract",
    "tests.ingest.store.support",
    "tests.ingest.store.model",
)
