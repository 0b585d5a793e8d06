"""The name, the code and a sentence for each error of iRODS."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

from irods.auth import ClientAuthError
from irods.auth.pam import PamLoginException
from irods.connection import PlainTextPAMPasswordError
from irods.exception import NetworkException, iRODSException

ALREADY_EXISTS = frozenset({-809000, -312000})
"""CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME, OVERWRITE_WITHOUT_FORCE_FLAG."""
TAKEN_BY_COLLECTION = -833000
"""CAT_NAME_EXISTS_AS_COLLECTION, the error of a rename."""
TAKEN = frozenset({TAKEN_BY_COLLECTION, -834000})
"""This, or CAT_NAME_EXISTS_AS_DATAOBJ."""
NO_COLLECTION = -814000
"""CAT_UNKNOWN_COLLECTION, for a missing collection and for an unknown zone."""
BLOCKED = TAKEN | {NO_COLLECTION}
"""Errors of the server for a path below a data object."""
NO_OBJECT = frozenset({-808000, -310000})
"""CAT_NO_ROWS_FOUND, OBJ_PATH_DOES_NOT_EXIST."""
_LOGIN = frozenset({-178000, -826000, -827000, -840000, -909000, -993000, -994000})
"""AUTHENTICATION_ERROR, CAT_INVALID_AUTHENTICATION, CAT_INVALID_USER, CAT_PASSWORD_EXPIRED, NO_PASSWORD_ENTERED,
PAM_AUTH_PASSWORD_FAILED, PAM_AUTH_PASSWORD_INVALID_TTL."""

TEMPORARY = frozenset({-405000, -406000, -721000, -75000})
"""Answers that say "not now", for a path that another client, or a killed one of ours, still holds.

INTERMEDIATE_REPLICA_ACCESS, LOCKED_DATA_OBJECT_ACCESS: another agent writes the object; its close, or its end when its
client has died, frees it. REPLICA_IS_BEING_STAGED: a compound or archive resource fetches the replica from its tape.
SYS_STRUCT_FILE_BUSY_ERR: another agent has the mounted bundle open, until it is done with it.
"""

_HINTS = {
    -13000: "updating a registered replica needs a rodsadmin account",
    -129000: "only a rodsadmin may register files where they are",
    -130000: "the zone does not exist, or the account may not see the collection above the target",
    -818000: "give the account the right on the collection, for instance with ichmod",
    -511000: "the vault has something in its place, perhaps the folders of a collection that was removed",
    -78000: "the zone has no such resource: look at to_resource() and the default resource",
    -1816000: "name a root resource, not one below it",
    -27000: "the file changed while it was read",
    -405000: "another client is writing the data object; one that died may have left a replica in this state",
    -406000: "another client is writing the data object; one that died may have left it locked",
}


class ServerError(NamedTuple):
    """An iRODS error: its name, its code rounded to thousands (the rest is errno), and the text of the server."""

    name: str
    code: int
    text: str

    def __str__(self) -> str:
        hint = _HINTS.get(self.code)
        parts = [f"{self.name} ({self.code})", self.text, f"hint: {hint}" if hint else ""]
        return ": ".join(part for part in parts if part)


def server_error(error: BaseException) -> ServerError | None:
    """The iRODS error in an exception of python-irodsclient, which raises KeyError(code) for codes it does not know."""
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], int):
        return _named(error.args[0], "")
    if isinstance(error, iRODSException) and getattr(error, "code", None):
        return _named(int(error.code), str(error.args[0] or "") if error.args else "")
    return None


def code_of(error: BaseException) -> int | None:
    """The code of the iRODS error in an exception, rounded to thousands."""
    found = server_error(error)
    return found.code if found else None


def connection_lost(error: BaseException) -> bool:
    """Whether the server did not answer. An error that the server returned is an answer."""
    return isinstance(error, (NetworkException, ConnectionError, TimeoutError))


def login_refused(error: BaseException) -> bool:
    """Whether the error may be a refused login. Some calls have the same errors for other reasons."""
    return (
        isinstance(error, (ClientAuthError, PamLoginException, PlainTextPAMPasswordError)) or code_of(error) in _LOGIN
    )


def describe(error: BaseException) -> str:
    """One line for people: the server's error by name, or the exception's own words."""
    found = server_error(error)
    if found is not None:
        return str(found)
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@cache
def _names() -> dict[int, str]:
    """The names of all error codes. python-irodsclient knows about two thirds of them."""
    lines = files("consumer.irods").joinpath("error_codes.txt").read_text(encoding="ascii").splitlines()
    return {int(code): name for code, name in (line.split() for line in lines if not line.startswith("#"))}


def _named(code: int, text: str) -> ServerError:
    """The error by its name. A server adds an errno to a code, so the code is rounded to thousands."""
    rounded = -1000 * (-code // 1000)
    return ServerError(_names().get(rounded, "unknown iRODS error"), rounded, " ".join(text.split()))
