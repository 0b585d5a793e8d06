"""A handler file answers for its job; what it does not say has the documented default."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from ingest.errors import Refused
from ingest.handlers.core import DeleteMode, Operation, delete_mode_is_compatible_with_operation
from ingest.handlers.loader import Handler, read, sha256

META: dict[str, Any] = {"path": "/src/a", "target": "/z/t/a"}
EVENTS = ("data_obj_create", "data_obj_modify", "data_obj_delete", "coll_create", "coll_modify", "coll_delete")
HEAD = "from ingest import Core, DeleteMode, Operation\nseen = []\n"


def load(body: str, head: str = HEAD) -> Handler:
    return Handler.load((head + dedent(body)).encode(), "handler.py")


def handler_with(method: str, base: str = "Core") -> Handler:
    return load(f"class event_handler({base}):\n    @staticmethod\n    {method}\n")


def seen_by(handler: Handler) -> list[Any]:
    module = handler._module
    assert module is not None
    seen: list[Any] = module.seen
    return seen


@pytest.mark.parametrize(
    "handler", [Handler.default(), load("class event_handler(Core): pass"), load("class event_handler: pass")]
)
class TestDefaults:
    def test_what_a_handler_does_not_say_has_the_documented_default(self, handler: Handler) -> None:
        assert handler.operation(None, META) is Operation.REGISTER_SYNC
        assert handler.delete_mode(META) is DeleteMode.DO_NOT_DELETE
        assert (handler.max_retries(None, META), handler.delay(None, META, 1)) == (0, 0)
        assert handler.timeout(None, META) == 3600
        assert handler.to_resource(None, META) is None
        assert handler.target_path(None, META) is None
        assert handler.as_user(META) is None
        assert not handler.has("operation")

    def test_a_job_event_without_hook_is_nothing(self, handler: Handler) -> None:
        handler.job_event("pre_job", None, META)
        handler.job_event("post_job", None, META)

    @pytest.mark.parametrize("event", EVENTS)
    def test_an_event_without_hooks_is_its_action(self, handler: Handler, event: str) -> None:
        done: list[Any] = []
        handler.event(
            event, lambda *args, **options: done.append((args, options)), "session", META, allow_redirect=False
        )
        assert done == [((handler._module, "session", META), {"allow_redirect": False})]


class TestAnswers:
    def test_every_question_reaches_the_handler_with_what_belongs_to_it(self) -> None:
        handler = load("""
            class event_handler(Core):
                @staticmethod
                def operation(session, meta, **options):
                    seen.append(("operation", session, meta["path"], options)); return Operation.PUT
                @staticmethod
                def to_resource(session, meta, **options):
                    seen.append(("to_resource", session, meta["path"], options)); return "r"
                @staticmethod
                def target_path(session, meta, **options):
                    seen.append(("target_path", session, meta["path"], options)); return "/p"
                @staticmethod
                def as_user(meta, **options):
                    seen.append(("as_user", meta["path"], options)); return ["z", "alice"]
                @staticmethod
                def delete_mode(meta):
                    return DeleteMode.TRASH
                @staticmethod
                def max_retries(hdlr_mod, logger, meta):
                    seen.append((hdlr_mod is event_handler, logger)); return 3
                @staticmethod
                def delay(hdlr_mod, logger, meta, retries):
                    return 2 ** retries
                @staticmethod
                def timeout(hdlr_mod, logger, meta):
                    return 7
        """)
        assert handler.operation("s", META, a=1) is Operation.PUT
        assert handler.to_resource("s", META, a=2) == "r"
        assert handler.target_path("s", META, a=3) == "/p"
        assert handler.as_user(META, a=4) == ("z", "alice")
        assert handler.delete_mode(META) is DeleteMode.TRASH
        assert (handler.max_retries("log", META), handler.delay("log", META, 3), handler.timeout("log", META)) == (
            3,
            8,
            7,
        )
        questions = ("operation", "to_resource", "target_path")
        expected = [(name, "s", "/src/a", {"a": number}) for number, name in enumerate(questions, 1)]
        assert seen_by(handler) == [*expected, ("as_user", "/src/a", {"a": 4}), (True, "log")]
        assert handler.has("operation")

    def test_none_as_operation_means_register_sync(self) -> None:
        handler = handler_with("def operation(session, meta, **options): return None")
        assert handler.operation(None, META) is Operation.REGISTER_SYNC

    @pytest.mark.parametrize("answer", ["1", "'PUT'", "DeleteMode.TRASH"])
    def test_an_operation_that_is_none_is_an_error_that_shows_it(self, answer: str) -> None:
        handler = handler_with(f"def operation(session, meta, **options): return {answer}")
        with pytest.raises(TypeError, match=r"^operation\(\) of the event handler returned .*, which is no Operation$"):
            handler.operation(None, META)

    @pytest.mark.parametrize("answer", ["None", "1", "Operation.PUT"])
    def test_a_delete_mode_that_is_none_is_an_error_that_shows_it(self, answer: str) -> None:
        handler = handler_with(f"def delete_mode(meta): return {answer}")
        with pytest.raises(
            TypeError, match=r"^delete_mode\(\) of the event handler returned .*, which is no DeleteMode$"
        ):
            handler.delete_mode(META)

    @pytest.mark.parametrize("operation", list(Operation))
    @pytest.mark.parametrize("mode", list(DeleteMode))
    def test_an_operation_and_a_delete_mode_go_together_as_documented(
        self, operation: Operation, mode: DeleteMode
    ) -> None:
        register = (Operation.REGISTER_SYNC, Operation.REGISTER_AS_REPLICA_SYNC)
        write = (Operation.PUT_SYNC, Operation.PUT_APPEND)
        fits = {
            DeleteMode.DO_NOT_DELETE: True, DeleteMode.UNREGISTER: operation in register,
            DeleteMode.TRASH: operation in write, DeleteMode.NO_TRASH: operation in write,
        }[mode]  # fmt: skip
        handler = handler_with(f"def delete_mode(meta): return DeleteMode.{mode.name}")
        assert delete_mode_is_compatible_with_operation(mode, operation) is fits
        if fits:
            assert handler.check_modes(operation, META) is mode
        else:
            with pytest.raises(Refused, match=f"^operation {operation.name} and delete mode {mode.name} are incompat"):
                handler.check_modes(operation, META)

    def test_an_exception_of_the_handler_is_not_swallowed(self) -> None:
        handler = handler_with("def to_resource(session, meta, **options): return 1 / 0")
        with pytest.raises(ZeroDivisionError):
            handler.to_resource(None, META)


def run(handler: Handler, event: str, *, meta: dict[str, Any] | None = None) -> list[Any]:
    def action(module: ModuleType, session: str, meta: dict[str, Any], **options: Any) -> None:
        seen_by(handler).append(("action", module is handler._module, session, meta["target"], options))

    handler.event(event, action, "session", dict(META) if meta is None else meta, a=1)
    return seen_by(handler)


class TestHooks:
    @pytest.mark.parametrize("event", EVENTS)
    def test_the_hooks_run_before_and_after_the_action_with_its_arguments(self, event: str) -> None:
        handler = load(f"""
            class event_handler(Core):
                @staticmethod
                def pre_{event}(module, session, meta, **options):
                    seen.append(("pre", module.seen is seen, session, meta["target"], options))
                @staticmethod
                def post_{event}(module, session, meta, **options):
                    seen.append(("post", module.seen is seen, session, meta["target"], options))
        """)
        rest = (True, "session", "/z/t/a", {"a": 1})
        assert run(handler, event) == [("pre", *rest), ("action", *rest), ("post", *rest)]

    def test_what_a_pre_hook_writes_into_meta_is_seen_by_the_action(self) -> None:
        handler = handler_with("def pre_coll_create(m, s, meta, **options): meta['target'] = '/z/else'")
        assert run(handler, "coll_create") == [("action", True, "session", "/z/else", {"a": 1})]

    def test_an_exception_in_the_pre_hook_skips_action_and_post_hook(self) -> None:
        handler = load("""
            class event_handler(Core):
                @staticmethod
                def pre_coll_create(*args, **options): raise LookupError("no")
                @staticmethod
                def post_coll_create(*args, **options): seen.append("post")
        """)
        with pytest.raises(LookupError, match="no"):
            run(handler, "coll_create")
        assert seen_by(handler) == []

    def test_an_exception_in_the_action_skips_the_post_hook(self) -> None:
        handler = handler_with("def post_coll_create(*args, **options): seen.append('post')")
        with pytest.raises(KeyError):
            run(handler, "coll_create", meta={})
        assert seen_by(handler) == []

    def test_a_class_that_is_not_derived_from_core_has_no_hooks(self) -> None:
        handler = handler_with("def pre_coll_create(*args, **options): seen.append('pre')", base="object")
        assert [each[0] for each in run(handler, "coll_create")] == ["action"]

    def test_a_handler_that_overrides_the_event_replaces_or_repeats_the_action(self) -> None:
        handler = load("""
            class event_handler(Core):
                @classmethod
                def on_coll_create(cls, action, module, session, meta, **options):
                    seen.append("instead")
                @classmethod
                def on_coll_modify(cls, action, *args, **options):
                    action(*args, **options)
                    super().on_coll_modify(action, *args, **options)
                @staticmethod
                def pre_coll_modify(*args, **options): seen.append("pre")
        """)
        assert run(handler, "coll_create") == ["instead"]
        seen_by(handler).clear()
        assert [each[0] for each in run(handler, "coll_modify")] == ["action", "p", "action"]

    def test_job_events_get_the_class_a_logger_and_meta(self) -> None:
        handler = load("""
            class event_handler(Core):
                @staticmethod
                def pre_job(cls, logger, meta): seen.append(("pre", cls is event_handler, logger, meta["path"]))
                @staticmethod
                def post_job(cls, logger, meta): seen.append("post")
        """)
        handler.job_event("pre_job", "log", META)
        handler.job_event("post_job", "log", META)
        assert seen_by(handler) == [("pre", True, "log", "/src/a"), "post"]


class TestLoading:
    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("class event_handler(\n", r"does not load: SyntaxError: .* \(line 1\)$"),
            ("x = 1\n  y = 2\n", r"does not load: IndentationError: .* \(line 2\)$"),
            ("import no_such_module", "does not load: ModuleNotFoundError: No module named 'no_such_module'$"),
            ("1 / 0", "does not load: ZeroDivisionError: division by zero$"),
            ("import sys; sys.exit(3)", "does not load: SystemExit: 3$"),
            ("", "has no class named event_handler$"),
            ("class EventHandler: pass", "has no class named event_handler$"),
            ("def event_handler(): pass", "has no class named event_handler$"),
            ("a = '\0'", "does not load: "),
        ],
    )
    def test_a_file_that_is_no_handler_is_refused_in_one_sentence(self, source: str, words: str) -> None:
        with pytest.raises(Refused, match=f"^the event handler my.py {words}") as refusal:
            Handler.load(source.encode(), "my.py")
        assert "\n" not in str(refusal.value)

    def test_bytes_that_are_no_text_are_refused(self) -> None:
        with pytest.raises(Refused, match=r"^the event handler my.py does not load: "):
            Handler.load(b"name = '\xe4'\n", "my.py")

    def test_a_missing_file_is_refused_with_the_reason(self, tmp_path: Path) -> None:
        for path, reason in ((tmp_path / "no.py", "No such file or directory"), (tmp_path, "Is a directory")):
            with pytest.raises(Refused, match=f"^cannot read the event handler {path}: {reason}$"):
                read(path)

    def test_what_is_read_is_what_is_on_disk_and_its_key_the_sha_256(self, tmp_path: Path) -> None:
        (tmp_path / "h.py").write_bytes(b"\xef\xbb\xbfclass event_handler: pass\r\n")
        source = read(tmp_path / "h.py")
        assert source == b"\xef\xbb\xbfclass event_handler: pass\r\n"
        assert Handler.load(source, "h.py").operation(None, META) is Operation.REGISTER_SYNC
        assert sha256(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    def test_a_handler_is_loaded_as_python_would_load_the_file(self) -> None:
        handler = load("""
            import sys
            class event_handler(Core):
                @staticmethod
                def note(size: int): pass
            annotation = event_handler.note.__annotations__["size"]
            this = sys.modules[__name__]
        """)
        assert handler._module is not None
        assert handler._module.annotation is int
        assert handler._module.this is handler._module
        assert handler._module.__file__ == "handler.py"

    def test_dataclasses_with_text_annotations_work_in_a_handler(self) -> None:
        load("""
            from dataclasses import dataclass
            @dataclass
            class Settings:
                size: int = 1
            class event_handler(Core): pass
        """, head="from __future__ import annotations\n" + HEAD)  # fmt: skip

    def test_two_handlers_do_not_share_their_globals_and_a_refused_one_leaves_nothing(self) -> None:
        before = set(sys.modules)
        one, other = load("class event_handler(Core): a = 1"), load("class event_handler(Core): a = 2")
        assert seen_by(one) is not seen_by(other)
        with pytest.raises(Refused):
            load("1 / 0")
        assert len(set(sys.modules) - before) == 2
