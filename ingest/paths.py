"""Source paths, which are bytes, and the logical paths that they map to."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from typing import AnyStr

from ingest.errors import Refused

UNDECODABLE_PREFIX = "irods_UnicodeEncodeError_"
UNDECODABLE_AVU = "irods::automated_ingest::UnicodeEncodeError"
UNDECODABLE_UNITS = "python3.base64.b64encode(full_path_of_source_file)"
MAX_PATH = 1087
"""The longest logical or physical path, in bytes. An iRODS server truncates or refuses longer ones."""


def normalise_target(target: str) -> str:
    """Return the target collection without doubled and trailing slashes. Raises Refused for an invalid path."""
    elements = [element for element in target.split("/") if element]
    if not target.startswith("/"):
        raise Refused(f"the target collection must be an absolute path, and {target!r} is not")
    if not elements:
        raise Refused("the target collection cannot be /, which contains only zones")
    if any(element in (".", "..") for element in elements):
        raise Refused(f"the target collection {target!r} must not have '.' or '..' in it")
    return "/" + "/".join(elements)


def overlap(one: str, other: str) -> bool:
    """Return whether two collections are the same, or one is below the other."""
    return is_within(one, other) or is_within(other, one)


def join(directory: bytes, path: bytes) -> bytes:
    """Join a directory and a path below it. Both may be empty."""
    return os.path.join(directory, path) if path else directory


def split(path: bytes) -> tuple[bytes, bytes]:
    """Return the directory and the name of a source-relative path."""
    return os.path.split(path)


Translate = Callable[[str], str]
"""Maps a name by a `character_map`."""


def logical_path(
    source: bytes, target: str, path: bytes, *, directory: bool = False, translate: Translate | None = None
) -> str:
    """Return the logical path of a source-relative path.

    Args:
        source: The absolute source path.
        target: The target collection.
        path: The path, relative to the source.
        directory: Whether the path is a directory.
        translate: Maps each name; None to keep names.
    """
    elements = []
    names = path.split(b"/") if path else []
    for number, name in enumerate(names):
        source = join(source, name)
        is_directory = directory or number < len(names) - 1
        elements.append(logical_name(source, name, directory=is_directory, translate=translate))
    return "/".join([target, *elements])


def logical_name(source: bytes, name: bytes, *, directory: bool, translate: Translate | None = None) -> str:
    """Return the logical name of an entry. A name that is not UTF-8 is replaced by its encoded source path.

    As in automated-ingest, the encoding is standard base64. If the result contains "/", which would split the name, and
    for directories, the URL-safe alphabet is used instead.

    Args:
        source: The absolute path of the entry.
        name: Its name.
        directory: Whether it is a directory.
        translate: Maps the name if it is UTF-8; None to keep it.
    """
    try:
        text = name.decode()
        return text if translate is None else translate(text)
    except UnicodeDecodeError:
        standard = base64.b64encode(source).decode("ascii")
        text = standard if "/" not in standard and not directory else base64.urlsafe_b64encode(source).decode("ascii")
        return UNDECODABLE_PREFIX + text


def physical_path(source: bytes, path: bytes) -> str:
    """Return the absolute source path for the catalog. Names that are not UTF-8 are replaced as in logical paths."""
    return logical_path(b"/", "", join(source, path)[1:])


def ancestors(path: bytes) -> Iterator[bytes]:
    """Yield the directories above a source-relative path: the nearest first, "" (the source) last; none for ""."""
    while path:
        path = path.rpartition(b"/")[0]
        yield path


def prefix_of(directory: AnyStr) -> AnyStr:
    """Return the common prefix of all paths below a directory: the directory and a slash; for "", return ""."""
    slash: AnyStr = b"/" if isinstance(directory, bytes) else "/"
    return directory.rstrip(slash) + slash if directory else directory


def is_below(path: AnyStr, directory: AnyStr) -> bool:
    """Return whether a path is below a directory, and not the directory itself. Every path but "" is below ""."""
    return path != directory and path.startswith(prefix_of(directory))


def is_within(path: AnyStr, directory: AnyStr) -> bool:
    """Return whether a path is the directory or below it."""
    return path == directory or path.startswith(prefix_of(directory))


def renamed(path: bytes, old: bytes, new: bytes) -> bytes:
    """Return a path after the directory `old` was renamed to `new`. Paths that are not below `old` stay the same."""
    return new + path[len(old) :] if is_below(path, old) else path


def shown(path: str | bytes) -> str:
    """Return a path as text for people; each byte that is not UTF-8 becomes a backslash escape."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
