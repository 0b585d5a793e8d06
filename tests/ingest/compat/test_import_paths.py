"""What a handler imports from automated-ingest is there, wherever it does so; an installed automated-ingest wins."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import ingest
from ingest.handlers import finder
from ingest.handlers.loader import Handler

ROOT = Path(__file__).parents[3]
PACKAGE = finder.PACKAGE

NAMES = {
    "core": "Core",
    "utils": "Operation DeleteMode delete_mode_is_compatible_with_operation enqueue_task is_unicode_encode_error_path",
    "redis_utils": "get_redis",
    "redis_key": "redis_key_handle incremental_redis_key_handle list_redis_key_handle json_redis_key_handle"
    " float_redis_key_handle sync_time_key_handle cleanup_key_handle stop_key_handle tasks_key_handle"
    " count_key_handle dequeue_key_handle failures_key_handle retries_key_handle stopped_jobs_key_handle",
    "sync_logging": "get_sync_logger create_sync_logger get_sync_logger_key irods_sync_logger",
    "sync_job": "sync_job get_stopped_jobs_list",
    "custom_event_handler": "custom_event_handler",
    "irods.irods_utils": "irods_session child_of size create_dirs list_collection",
    "char_map_util": "translate_path",
    "celery": "app",
    "examples": "__path__",
    "sync_irods": "irods_session",
    "sync_utils": "get_redis size app Operation",
}


@pytest.fixture(autouse=True)
def finder_installed() -> None:
    finder.install()


def run(source: str, **environ: str) -> str:
    """What a fresh process prints that loads `source` as a handler."""
    program = (
        "import sys; from ingest.handlers.loader import Handler\n"
        "handler = Handler.load(sys.argv[1].encode(), 'handler.py')\n"
        "print(handler.cls.answer())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, textwrap.dedent(source)],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT), **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", NAMES)
def test_every_name_of_automated_ingest_can_be_imported(module: str) -> None:
    found = importlib.import_module(f"{PACKAGE}.{module}")
    assert [name for name in NAMES[module].split() if not hasattr(found, name)] == []


def test_the_names_are_ours_and_not_copies() -> None:
    old = importlib.import_module(f"{PACKAGE}.utils")
    assert old.Operation is ingest.Operation
    assert importlib.import_module(f"{PACKAGE}.core").Core is ingest.Core
    assert old.delete_mode_is_compatible_with_operation(ingest.DeleteMode.TRASH, ingest.Operation.PUT_SYNC)


def test_a_handler_may_import_at_its_top_and_in_its_methods() -> None:
    source = f"""
        from {PACKAGE}.core import Core
        import {PACKAGE}.utils as utils
        class event_handler(Core):
            @staticmethod
            def answer():
                from {PACKAGE}.sync_irods import irods_session
                from {PACKAGE}.irods import irods_utils
                return irods_session is irods_utils.irods_session, utils.Operation.PUT.value
    """
    assert run(source) == "(True, 2)"


def test_automated_ingest_is_used_where_it_is_installed_and_its_enumerations_are_understood(tmp_path: Path) -> None:
    package = tmp_path / PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "utils.py").write_text("import enum\nclass Operation(enum.Enum):\n    PUT = 2\n    NO_OP = 5\n")
    source = f"""
        from {PACKAGE} import utils
        class event_handler:
            @staticmethod
            def operation(session, meta, **options):
                return utils.Operation.PUT
            @staticmethod
            def answer():
                try:
                    import {PACKAGE}.sync_irods
                except ImportError:
                    from ingest.handlers.loader import Handler
                    return utils.__file__, str(Handler(None, event_handler).operation(None, {{}}))
    """
    assert run(source, PYTHONPATH=f"{tmp_path}:{ROOT}") == str((str(package / "utils.py"), "Operation.PUT"))


def test_installing_twice_leaves_one_finder() -> None:
    finder.install()
    finder.install()
    assert sum(type(each).__module__ == finder.__name__ for each in sys.meta_path) == 1


@pytest.mark.parametrize("module", ["tasks", "irods.filesystem", "utils.more"])
def test_what_has_no_counterpart_cannot_be_imported_and_says_so(module: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=module.replace(".", r"\.")):
        importlib.import_module(f"{PACKAGE}.{module}")


def test_other_names_are_not_ours_to_find() -> None:
    assert importlib.util.find_spec(f"{PACKAGE}_of_somebody_else") is None


def test_what_belongs_to_celery_says_so_when_it_is_used() -> None:
    app = importlib.import_module(f"{PACKAGE}.celery").app
    enqueue_task = importlib.import_module(f"{PACKAGE}.utils").enqueue_task
    with pytest.raises(NotImplementedError, match=r"^app\.control belongs to Celery"):
        app.control.inspect()
    with pytest.raises(NotImplementedError, match=r"^enqueue_task belongs to Celery"):
        enqueue_task("task", {})


def test_a_path_that_is_not_utf_8_is_recognised() -> None:
    is_one = importlib.import_module(f"{PACKAGE}.utils").is_unicode_encode_error_path
    assert is_one("/data/\udcff")
    assert not is_one("/data/日本")


def test_a_path_is_translated_by_rules_or_by_a_function() -> None:
    translate = importlib.import_module(f"{PACKAGE}.char_map_util").translate_path
    assert translate("/z//a\\b/", {"\\": "_"}) == "/z/a_b-C5"
    assert translate("/z/a", "ab", translate_function=lambda element, mp: element + mp) == "/zab/aab"


def test_examples_are_where_the_package_says(tmp_path: Path) -> None:
    (folder,) = importlib.import_module(f"{PACKAGE}.examples").__path__
    assert Path(folder).resolve() == ROOT / "config" / "handlers"


def test_a_store_is_there_for_handlers_of_a_worker_only() -> None:
    source = f"""
        from {PACKAGE}.redis_utils import get_redis
        class event_handler:
            @staticmethod
            def answer():
                try:
                    get_redis({{}})
                except RuntimeError as error:
                    return error
    """
    assert "in a worker" in run(source)


class TestCustomEventHandler:
    SOURCE = f"""
from {PACKAGE}.core import Core
class event_handler(Core):
    log = []
    @staticmethod
    def to_resource(session, meta, **options):
        return meta["resource"]
    @staticmethod
    def delay(hdlr_mod, logger, meta, retries):
        return 2 * retries
    @staticmethod
    def pre_coll_create(hdlr_mod, logger, session, meta, *args, **options):
        hdlr_mod.event_handler.log.append((logger, session, meta["target"]))
"""

    @pytest.fixture
    def meta(self) -> dict[str, Any]:
        from ingest.handlers.loader import sha256

        source = self.SOURCE.encode()
        Handler.load(source, "handler.py")
        return {"event_handler_key": sha256(source), "resource": "demo", "target": "/z/c"}

    def test_it_is_the_handler_that_this_process_has_loaded(self, meta: dict[str, Any]) -> None:
        handler = importlib.import_module(f"{PACKAGE}.custom_event_handler").custom_event_handler(meta)
        assert (handler.to_resource(None), handler.delay(None, 3), handler.max_retries()) == ("demo", 6, 0)
        assert (handler.hasattr("delay"), handler.hasattr("timeout")) == (True, False)
        handler.call("on_coll_create", "logger", lambda *args: None, "session", meta)
        assert handler.get_module().log == [("logger", "session", "/z/c")]

    def test_a_job_without_handler_has_the_defaults(self) -> None:
        handler = importlib.import_module(f"{PACKAGE}.custom_event_handler").custom_event_handler({})
        assert handler.operation(None) is ingest.Operation.REGISTER_SYNC
        assert handler.get_module() is None

    def test_a_handler_that_is_not_loaded_is_not_guessed(self) -> None:
        with pytest.raises(LookupError, match="not loaded"):
            importlib.import_module(f"{PACKAGE}.custom_event_handler").custom_event_handler({"event_handler_key": "00"})
