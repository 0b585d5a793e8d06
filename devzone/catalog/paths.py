"""Checks of logical paths, and the physical paths and trash paths that follow from them."""

import os

from devzone.errors import (
    SYS_INVALID_FILE_PATH,
    SYS_INVALID_INPUT_PARAM,
    USER_INPUT_PATH_ERR,
    USER_STRLEN_TOOLONG,
    IrodsError,
)
from devzone.wire import MAX_PATH


def split(path: str) -> tuple[str, str]:
    """The parent collection and the last name of a logical path."""
    parent, _, name = path.rpartition("/")
    return parent or "/", name


def zone_of(path: str) -> str:
    """The first name of a logical path."""
    return path.split("/", 2)[1] if path.startswith("/") else ""


def check_object_path(path: str) -> None:
    """Refuse a path that cannot be the path of a new data object (recorded: phypathreg.*, obj.open_collection)."""
    if not path.startswith("/"):
        raise IrodsError(SYS_INVALID_FILE_PATH, path)
    if path.rpartition("/")[2] in ("", ".", ".."):
        raise IrodsError(USER_INPUT_PATH_ERR, path)


def check_zone(path: str, zone: str) -> None:
    """Refuse a path outside the zone, and the zone's own path (recorded: coll.create_in_unknown_zone)."""
    if zone_of(path) != zone or path.count("/") < 2:
        raise IrodsError(
            SYS_INVALID_INPUT_PARAM, f"a valid zone name does not appear at the root of the object path [{path}]"
        )


def vault_path(vault: str, logical: str) -> str:
    """The physical path of a replica: the vault and the logical path without the zone. It is always in the vault."""
    vault = vault.rstrip("/")
    path = vault + "/" + logical.split("/", 2)[2]
    if len(os.fsencode(path)) > MAX_PATH:
        raise IrodsError(USER_STRLEN_TOOLONG, path)
    if not os.path.normpath(path).startswith(vault + "/") or "/../" in path + "/":
        raise IrodsError(USER_INPUT_PATH_ERR, path)
    return path


def in_trash(path: str) -> bool:
    """Whether a path is in its zone's trash. What is removed from there is deleted."""
    return path.startswith(f"/{zone_of(path)}/trash/")


def trash_path(path: str, user: str) -> str:
    """The path in the user's trash for a removed path: it keeps the part below the user's home (or below /home)."""
    zone, rest = path.split("/", 2)[1:]
    rest = rest.removeprefix("home/")
    rest = rest.removeprefix(user + "/")
    return f"/{zone}/trash/home/{user}/{rest}"
