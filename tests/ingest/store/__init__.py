import pytest

# The contracts are not named like test files, so pytest must be asked to explain their failed assertions.
pytest.register_assert_rewrite(
    "tests.ingest.store.contract",
    "tests.ingest.store.deletion_contract",
    "tests.ingest.store.task_contract",
    "tests.ingest.store.shared_contract",
    "tests.ingest.store.support",
    "tests.ingest.store.model",
)
