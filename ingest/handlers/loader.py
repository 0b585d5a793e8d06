"""A handler file: read, compiled and asked. It is loaded from memory, under the SHA-256 of its source."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from ingest.errors import Refused
from ingest.handlers import finder
from ingest.handlers.character_map import CharacterMap
from ingest.handlers.core import Core, DeleteMode, Operation, delete_mode_is_compatible_with_operation

DEFAULT_TIMEOUT = 3600.0
"""Seconds that a task may take, as automated-ingest documents it."""

Meta = dict[str, Any]
Action = Callable[..., None]
_Member = TypeVar("_Member", bound=Enum)


def read(path: Path) -> bytes:
    """The source of a handler file; raises Refused when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"cannot read the event handler {path}: {error.strerror}") from error


def sha256(source: bytes) -> str:
    """The key under which a handler is stored."""
    return hashlib.sha256(source).hexdigest()


def _module_name(key: str) -> str:
    return f"event_handler_{key[:16]}"


def loaded(key: str) -> Handler:
    """The handler with this SHA-256 that this process has loaded; raises LookupError when it has not."""
    module = sys.modules.get(_module_name(key))
    if module is None:
        raise LookupError(f"the event handler {key} is not loaded in this process")
    return Handler(module, module.event_handler)


def _member(kind: type[_Member], answer: Any, method: str) -> _Member:
    """The answer as a member of ours: where automated-ingest is installed, handlers have enumerations of its own."""
    if not isinstance(answer, Enum) or answer.name not in kind.__members__:
        raise TypeError(f"{method}() of the event handler returned {answer!r}, which is no {kind.__name__}")
    return kind.__members__[answer.name]


class Handler:
    """The answers of a handler class, with the documented defaults for what it does not say."""

    def __init__(self, module: ModuleType | None, cls: type | None) -> None:
        self._module = module
        self._cls = cls

    @classmethod
    def default(cls) -> Handler:
        """What a job without a handler file does: REGISTER_SYNC, nothing deleted, no hooks."""
        return cls(None, None)

    @classmethod
    def load(cls, source: bytes, name: str) -> Handler:
        """Run the source as a module; raises Refused when it fails or has no class `event_handler`."""
        finder.install()
        module = ModuleType(_module_name(sha256(source)))
        module.__file__ = name
        sys.modules[module.__name__] = module  # dataclasses and pickle look a class's module up there
        try:
            program = compile(source, name, "exec", dont_inherit=True)  # or our own __future__ would hold for it
            exec(program, module.__dict__)  # noqa: S102 - that is what a handler file is for
        except (Exception, SystemExit) as error:
            sys.modules.pop(module.__name__, None)
            where = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
            raise Refused(f"the event handler {name} does not load: {type(error).__name__}: {error}{where}") from error
        found = getattr(module, "event_handler", None)
        if not isinstance(found, type):
            raise Refused(f"the event handler {name} has no class named event_handler")
        return cls(module, found)

    @property
    def cls(self) -> type | None:
        """The handler's class; None for a job without a handler."""
        return self._cls

    def method_in(self, error: BaseException) -> str | None:
        """The name of the handler's method in which an exception came up; None when it was an action that it called."""
        method = None
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if self._module is not None and frame.f_globals is self._module.__dict__:
                method = method or frame.f_code.co_name
            elif frame.f_code is _run_action.__code__:  # an `on_` method that has called the action
                method = None
        return method

    def has(self, method: str) -> bool:
        """Whether the handler says something of its own here."""
        return self._cls is not None and hasattr(self._cls, method)

    def _ask(self, method: str, default: Any, *args: Any, **options: Any) -> Any:
        return getattr(self._cls, method)(*args, **options) if self.has(method) else default

    def hooked(self, event: str) -> bool:
        """Whether something of the handler's own runs around an event."""
        around = getattr(self._cls, f"on_{event}", None)
        replaced = around is not None and getattr(around, "__func__", None) is not getattr(Core, f"on_{event}").__func__
        return replaced or self.has(f"pre_{event}") or self.has(f"post_{event}")

    def operation(self, session: Any, meta: Meta, **options: Any) -> Operation:
        """What to do with this path; None from the handler means REGISTER_SYNC."""
        answer = self._ask("operation", None, session, meta, **options)
        if answer is None:
            return Operation.REGISTER_SYNC
        return answer if isinstance(answer, Operation) else _member(Operation, answer, "operation")

    def delete_mode(self, meta: Meta) -> DeleteMode:
        """What happens to objects whose source is absent."""
        answer = self._ask("delete_mode", DeleteMode.DO_NOT_DELETE, meta)
        return _member(DeleteMode, answer, "delete_mode")

    def check_modes(self, operation: Operation, meta: Meta) -> DeleteMode:
        """The delete mode; raises Refused when it does not go with the operation."""
        mode = self.delete_mode(meta)
        if not delete_mode_is_compatible_with_operation(mode, operation):
            raise Refused(f"operation {operation.name} and delete mode {mode.name} are incompatible")
        return mode

    def to_resource(self, session: Any, meta: Meta, **options: Any) -> str | None:
        """The root resource that the handler wants, if any."""
        answer: str | None = self._ask("to_resource", None, session, meta, **options)
        return answer

    def target_path(self, session: Any, meta: Meta, **options: Any) -> str | None:
        """The physical path as the iRODS server sees it, if the handler has one."""
        answer: str | None = self._ask("target_path", None, session, meta, **options)
        return answer

    def as_user(self, meta: Meta, **options: Any) -> tuple[str, str] | None:
        """Zone and user on whose behalf the path is synced."""
        answer = self._ask("as_user", None, meta, **options)
        return (answer[0], answer[1]) if answer else None

    def character_map(self) -> CharacterMap | None:
        """How names are to be changed, if they are; raises Refused for rules that make no sense."""
        try:
            rules = self._ask("character_map", None)
        except Exception as error:
            text = " ".join(str(error).split())
            raise Refused(f"character_map() of the event handler fails: {type(error).__name__}: {text}") from error
        return None if rules is None else CharacterMap(rules)

    def max_retries(self, logger: Any, meta: Meta) -> int:
        """How often a failed path is tried again."""
        return int(self._ask("max_retries", 0, self._cls, logger, meta))

    def delay(self, logger: Any, meta: Meta, retries: int) -> float:
        """Seconds to wait before the retry with this number, from 1."""
        return float(self._ask("delay", 0, self._cls, logger, meta, retries))

    def timeout(self, logger: Any, meta: Meta) -> float:
        """Seconds that a task may take."""
        return float(self._ask("timeout", DEFAULT_TIMEOUT, self._cls, logger, meta))

    def job_event(self, name: str, logger: Any, meta: Meta) -> None:
        """Run `pre_job` or `post_job`."""
        self._ask(name, None, self._cls, logger, meta)

    def event(self, name: str, action: Action, *args: Any, **options: Any) -> None:
        """Run an action with the hooks of its event (`data_obj_create` and so on) around it.

        The action gets what the hooks get: the module, `args` and `options`.
        """
        around = getattr(self._cls, f"on_{name}", None)
        if around is None:  # a class that is not derived from Core has no hooks
            action(self._module, *args, **options)
        else:
            around(partial(_run_action, action), self._module, *args, **options)


def _run_action(action: Action, *args: Any, **options: Any) -> None:
    """Run the action between the hooks; `method_in` looks for this frame."""
    action(*args, **options)
