"""Sessions with the zone: whose credentials, how many, and when they are closed."""

from __future__ import annotations

import functools
import json
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from irods.connection import Connection
from irods.message import ET, XML_Parser_Type
from irods.session import iRODSSession

from consumer.irods.errors import connection_lost, describe
from ingest.credentials import secret
from ingest.errors import AccountRefused, Refused, Unreachable

MAX_SESSIONS = 8
"""Sessions of one worker; more identities than that take turns."""
APPLICATION = "irods-landing-zone"

_VARIABLES = {
    "host": "IRODS_HOST",
    "port": "IRODS_PORT",
    "user": "IRODS_USER_NAME",
    "zone": "IRODS_ZONE_NAME",
    "password": "IRODS_PASSWORD",
}
Session = iRODSSession
"""A session with the zone; outside `consumer.irods` code passes it on and calls nothing of it."""
Identity = tuple[str, str]
"""Zone and name of the user on whose behalf a session acts."""


def credentials(environ: dict[str, str] | None = None) -> dict[str, Any]:
    """What iRODSSession is to be made with: five variables when they are set, else an environment file.

    IRODS_PASSWORD_FILE, which names a file with the password, replaces IRODS_PASSWORD. Raises Refused when some of
    the five are missing, or when there is no such file, or when it is not JSON.
    """
    env = dict(os.environ) if environ is None else environ
    file = env.get("IRODS_ENVIRONMENT_FILE")
    values: dict[str, Any] = {name: env.get(variable) for name, variable in _VARIABLES.items()}
    values["password"] = secret(_VARIABLES["password"], env)
    if all(values.values()):
        if not values["port"].isdecimal():
            raise Refused(f"IRODS_PORT must be a number, and {values['port']!r} is not")
        tls = _tls_settings(Path(file)) if file else {}
        return values | {"port": int(values["port"])} | tls
    _check_none_is_set(values)
    path = Path(file) if file else Path.home() / ".irods" / "irods_environment.json"
    _read_environment(path)
    return {"irods_env_file": str(path)}


def _check_none_is_set(values: dict[str, Any]) -> None:
    """Raise Refused if some of the variables are set: the environment file may name another account."""
    present = [variable for name, variable in _VARIABLES.items() if values[name]]
    missing = [variable for name, variable in _VARIABLES.items() if not values[name]]
    if present:
        lacks = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set, and {', '.join(present)}"
        raise Refused(f"the iRODS account is incomplete: {lacks} {'is' if len(present) == 1 else 'are'}")


def _read_environment(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text())
    except FileNotFoundError:
        names = ", ".join(_VARIABLES.values())
        raise Refused(f"no iRODS account: there is no {path}; set IRODS_ENVIRONMENT_FILE, or all of {names}") from None
    except (OSError, ValueError) as error:
        raise Refused(f"cannot read the iRODS environment {path}: {error}") from error
    if not isinstance(settings, dict):
        raise Refused(f"the iRODS environment {path} is not a JSON object")
    return settings


def _tls_settings(path: Path) -> dict[str, Any]:
    wanted = ("irods_client_server_", "irods_encryption_", "irods_ssl_", "irods_default_resource")
    return {name: value for name, value in _read_environment(path).items() if name.startswith(wanted)}


class Sessions:
    """The sessions of one process, one per identity, opened when first used and closed when idle.

    Not for several threads: python-irodsclient's choice of XML parser is per thread.
    """

    def __init__(self, idle_seconds: float) -> None:
        self.idle_seconds = idle_seconds
        self._sessions: OrderedDict[Identity | None, iRODSSession] = OrderedDict()
        self._used = time.monotonic()
        # Control characters in one name or AVU make a whole listing unparsable for the default parser.
        ET(XML_Parser_Type.QUASI_XML)

    def get(self, identity: Identity | None = None) -> iRODSSession:
        """The session of an identity (None: the service account itself). Raises AccountRefused without credentials."""
        self._used = time.monotonic()
        session = self._sessions.get(identity)
        if session is None:
            settings = _credentials()
            if identity is not None:
                settings |= {"client_zone": identity[0], "client_user": identity[1]}
            session = _open(settings)
            self._sessions[identity] = session
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)[1].cleanup()
        self._sessions.move_to_end(identity)
        return session

    def close_idle(self) -> None:
        """Close all when none was used for the idle time; called between tasks, so never on one in use."""
        if self._sessions and time.monotonic() - self._used > self.idle_seconds:
            self.close()

    def close(self) -> None:
        """Log out everywhere."""
        while self._sessions:
            self._sessions.popitem()[1].cleanup()


def _credentials() -> dict[str, Any]:
    try:
        return credentials()
    except Refused as error:
        raise AccountRefused(str(error)) from error


def _open(settings: dict[str, Any]) -> iRODSSession:
    try:
        return iRODSSession(application_name=APPLICATION, **settings)
    except Exception as error:
        raise AccountRefused(f"the iRODS account is not usable: {describe(error)}") from error


def account_of(session: iRODSSession) -> str:
    """The account of a session, and its server, as `alice#tempZone@host:1247`."""
    return f"{session.username}#{session.zone}@{session.host}:{session.port}"


def before_each_call(check: Callable[[], None]) -> None:
    """Call `check` before each request to iRODS from here on, in the whole process, those of event handlers included.

    All calls pass `Connection.send` of python-irodsclient.
    """
    send = Connection.send

    @functools.wraps(send)
    def checked_send(connection: Any, message: Any) -> None:
        check()
        send(connection, message)

    Connection.send = checked_send


def check_login(sessions: Sessions) -> tuple[int, ...]:
    """Log in with the service account; the server's version. Raises Unreachable or AccountRefused, in a sentence."""
    session = sessions.get()
    try:
        return tuple(session.server_version)
    except Exception as error:
        session.cleanup()
        if connection_lost(error):
            raise Unreachable(f"iRODS does not answer: {account_of(session)}: {describe(error)}") from error
        raise AccountRefused(f"iRODS refuses the login of {account_of(session)}: {describe(error)}") from error
