"""What a handler file builds on: the operations, the delete modes and the class `Core` with its events.

A handler file defines one class named `event_handler`, usually derived from `Core`. All of its methods are optional.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from ingest.handlers import hooks


class Operation(Enum):
    """What is done with one file; the numbers are those of automated-ingest, stored by people's scripts."""

    REGISTER_SYNC = 0
    REGISTER_AS_REPLICA_SYNC = 1
    PUT = 2
    PUT_SYNC = 3
    PUT_APPEND = 4
    NO_OP = 5


class DeleteMode(Enum):
    """What happens to an object or collection whose source is absent."""

    DO_NOT_DELETE = 0
    UNREGISTER = 1
    TRASH = 2
    NO_TRASH = 3


_COMPATIBLE = {
    Operation.NO_OP: {DeleteMode.DO_NOT_DELETE},
    Operation.PUT: {DeleteMode.DO_NOT_DELETE},
    Operation.REGISTER_SYNC: {DeleteMode.DO_NOT_DELETE, DeleteMode.UNREGISTER},
    Operation.REGISTER_AS_REPLICA_SYNC: {DeleteMode.DO_NOT_DELETE, DeleteMode.UNREGISTER},
    Operation.PUT_SYNC: {DeleteMode.DO_NOT_DELETE, DeleteMode.TRASH, DeleteMode.NO_TRASH},
    Operation.PUT_APPEND: {DeleteMode.DO_NOT_DELETE, DeleteMode.TRASH, DeleteMode.NO_TRASH},
}


def delete_mode_is_compatible_with_operation(delete_mode: DeleteMode, operation: Operation) -> bool:
    """Whether objects made by `operation` may be deleted in this mode (registered data never lose their file)."""
    return delete_mode in _COMPATIBLE[operation]


_Action = Callable[..., None]


def _around(cls: type[Core], event: str, action: _Action, *args: Any, **options: Any) -> None:
    before = getattr(cls, f"pre_{event}", None)
    if before is not None:
        hooks.call(before, args, options)
    action(*args, **options)
    after = getattr(cls, f"post_{event}", None)
    if after is not None:
        after(*args, **options)


class Core:
    """Runs the `pre_` and `post_` hooks of a handler around each event.

    Each `on_` method takes the action and the arguments of the event. A handler may override one: that is the way to
    replace or skip the action. An exception in the `pre_` hook skips the action and the `post_` hook. What the `pre_`
    hook does to its `**options` holds for the action.
    """

    @classmethod
    def on_data_obj_create(cls, func: _Action, *args: Any, **options: Any) -> None:
        """A data object or a replica comes into being."""
        _around(cls, "data_obj_create", func, *args, **options)

    @classmethod
    def on_data_obj_modify(cls, func: _Action, *args: Any, **options: Any) -> None:
        """An existing data object follows its changed file."""
        _around(cls, "data_obj_modify", func, *args, **options)

    @classmethod
    def on_data_obj_delete(cls, func: _Action, *args: Any, **options: Any) -> None:
        """A data object is removed because its source is absent."""
        _around(cls, "data_obj_delete", func, *args, **options)

    @classmethod
    def on_coll_create(cls, func: _Action, *args: Any, **options: Any) -> None:
        """A collection is created for a directory."""
        _around(cls, "coll_create", func, *args, **options)

    @classmethod
    def on_coll_modify(cls, func: _Action, *args: Any, **options: Any) -> None:
        """A directory whose collection was there before has changed."""
        _around(cls, "coll_modify", func, *args, **options)

    @classmethod
    def on_coll_delete(cls, func: _Action, *args: Any, **options: Any) -> None:
        """A collection is removed because its source directory is absent."""
        _around(cls, "coll_delete", func, *args, **options)
