import pytest

# The contracts are no test files by name; only when told does pytest say what differs in their assertions.
pytest.register_assert_rewrite(
    "tests.store.contract",
    "tests.store.deletion_contract",
    "tests.store.task_contract",
    "tests.store.shared_contract",
    "tests.store.support",
    "tests.store.model",
)
