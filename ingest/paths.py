"""Source paths (bytes) and logical paths (text), and the way from one to the other."""

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
"""Bytes of a logical or physical path; a real server truncates or refuses longer ones."""


def normalise_target(target: str) -> str:
    """The root target collection without doubled or trailing slashes; raises Refused for what cannot be one."""
    elements = [element for element in target.split("/") if element]
    if not target.startswith("/"):
        raise Refused(f"the target collection must be an absolute path, and {target!r} is not")
    if not elements:
        raise Refused("the target collection cannot be /: only zones are there")
    if any(element in (".", "..") for element in elements):
        raise Refused(f"the target collection {target!r} must not have '.' or '..' in it")
    return "/" + "/".join(elements)


def overlap(one: str, other: str) -> bool:
    """Whether two collections are the same, or one lies in the other."""
    return is_within(one, other) or is_within(other, one)


def join(directory: bytes, path: bytes) -> bytes:
    """The path of something below a directory; either may be empty."""
    return os.path.join(directory, path) if path else directory


def split(path: bytes) -> tuple[bytes, bytes]:
    """Directory and name of a source-relative path."""
    return os.path.split(path)


Translate = Callable[[str], str]
"""What a `character_map` makes of a name."""


def logical_path(
    source: bytes, target: str, path: bytes, *, directory: bool = False, translate: Translate | None = None
) -> str:
    """The logical path of a source-relative path; an undecodable element gets a name made of its full source path."""
    elements = []
    names = path.split(b"/") if path else []
    for number, name in enumerate(names):
        source = join(source, name)
        is_directory = directory or number < len(names) - 1
        elements.append(logical_name(source, name, directory=is_directory, translate=translate))
    return "/".join([target, *elements])


def logical_name(source: bytes, name: bytes, *, directory: bool, translate: Translate | None = None) -> str:
    """The name that an entry gets in its collection, translated unless undecodable; `source` is its absolute path.

    Automated-ingest uses standard base64, whose "/" would split the name; there, and for directories, we take the
    URL-safe alphabet.
    """
    try:
        text = name.decode()
        return text if translate is None else translate(text)
    except UnicodeDecodeError:
        standard = base64.b64encode(source).decode("ascii")
        text = standard if "/" not in standard and not directory else base64.urlsafe_b64encode(source).decode("ascii")
        return UNDECODABLE_PREFIX + text


def physical_path(source: bytes, path: bytes) -> str:
    """The absolute source path as the catalog can hold it: undecodable names are replaced as in the logical path."""
    return logical_path(b"/", "", join(source, path)[1:])


def ancestors(path: bytes) -> Iterator[bytes]:
    """The directories above a source-relative path, the nearest first, "" (the source) last; none for "" itself."""
    while path:
        path = path.rpartition(b"/")[0]
        yield path


def prefix_of(directory: AnyStr) -> AnyStr:
    """The common prefix of all paths below a directory: the directory and a slash; empty for an empty path."""
    slash: AnyStr = b"/" if isinstance(directory, bytes) else "/"
    return directory.rstrip(slash) + slash if directory else directory


def is_below(path: AnyStr, directory: AnyStr) -> bool:
    """Whether a path is below a directory: not the directory itself. All but "" is below ""."""
    return path != directory and path.startswith(prefix_of(directory))


def is_within(path: AnyStr, directory: AnyStr) -> bool:
    """Whether a path is the directory or below it."""
    return path == directory or path.startswith(prefix_of(directory))


def renamed(path: bytes, old: bytes, new: bytes) -> bytes:
    """The path after the directory `old` was renamed to `new`; a path that is not below `old` stays the same."""
    return new + path[len(old) :] if is_below(path, old) else path


def shown(path: str | bytes) -> str:
    """The path as text for people; each byte that is not UTF-8 is a backslash escape."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
