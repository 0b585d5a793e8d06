"""The Redis server of the store: connection, scripts, and the translation of its errors."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgpack
import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from ingest.credentials import readable, secret
from ingest.errors import Refused, Unreachable

PREFIX = "ingest:"
FORMAT = "5"
"""The version of all that is stored, messages included. It is raised when something of it changes."""
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
_USERNAME, _PASSWORD = "INGEST_REDIS_USERNAME", "INGEST_REDIS_PASSWORD"
_FILES = {
    "INGEST_REDIS_CA_FILE": "ssl_ca_certs",
    "INGEST_REDIS_CERT_FILE": "ssl_certfile",
    "INGEST_REDIS_KEY_FILE": "ssl_keyfile",
}
ENVIRONMENT = (_USERNAME, _PASSWORD, f"{_PASSWORD}_FILE", *_FILES)
"""The environment variables for the connection. No command line contains secrets."""
# Account, host (an IPv6 address in brackets) with port, number or socket. redis-py checks what follows "?".
_URL = re.compile(r"(rediss?|unix)://(?:[^/?#]*@)?((?:[\w.%-]*|\[[\w:.%]*\])(?::\d+)?(?:/[^?#@]*)?)(?:\?[^#]*)?")
_SCRIPTS = Path(__file__).with_name("scripts")
_WITH_CACHE = {"settle", "cached", "clear_cache"}
_REFUSALS = (exceptions.AuthenticationError, exceptions.NoPermissionError, exceptions.AuthorizationError)
_PASSING = ("LOADING", "READONLY", "OOM", "MISCONF", "MASTERDOWN", "NOREPLICAS", "BUSY", "TRYAGAIN")


class Server:
    """Runs commands and scripts on a Redis server. Create one object per thread.

    It never repeats a command, because a command without an answer may have taken effect. Every method raises
    Unreachable when the server does not answer, and Refused when it denies access, or has lost its data.
    """

    def __init__(self, url: str, prefix: str = PREFIX) -> None:
        if not _URL.fullmatch(url):
            raise Refused("--redis wants redis://host:port/number, with %XX for special characters of a password")
        self._place = place(url)
        self._prefix = prefix
        try:
            self._client: Any = redis.Redis.from_url(
                url,
                socket_connect_timeout=CONNECT_SECONDS,
                socket_timeout=ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 0),
                **_from_environment(url),
            )
        except (ValueError, exceptions.RedisError) as error:
            raise Refused(f"--redis {self._place}: {error}") from error
        self._scripts: dict[str, Any] = {}
        self.command("MSETNX", self.key("id"), secrets.token_hex(16), self.key("format"), FORMAT)
        if self.command("GET", self.key("format")) != FORMAT.encode():
            raise Refused(
                f"the store at {self._place} is of another version of this program: empty it and start its jobs again"
            )
        self.store_id: bytes = self.command("GET", self.key("id"))

    def key(self, kind: str, name: str | bytes | None = None) -> bytes:
        """Return the key of an object: its kind, and its name if there are several of this kind."""
        text = name.encode() if isinstance(name, str) else name
        return (self._prefix + kind).encode() + (b"" if text is None else b":" + text)

    def command(self, *words: str | bytes | float) -> Any:
        """Run one command and return the answer."""
        with self._translated():
            return self._client.execute_command(*words)

    def commands(self, *several: tuple[str | bytes | float, ...]) -> list[Any]:
        """Run several commands as one transaction and return the answers."""
        with self._translated():
            pipeline: Any = self._client.pipeline(transaction=True)
            for words in several:
                pipeline.execute_command(*words)
            return list(pipeline.execute())

    def run(self, script: str, **arguments: object) -> Any:
        """Run a script and return the answer. Arguments that are None become nil."""
        present = {name: value for name, value in arguments.items() if value is not None}
        if script not in self._scripts:
            self._scripts[script] = self._client.register_script(_source(script))
        with self._translated():
            # Redis supports only the old format, which does not distinguish text and bytes.
            packed = msgpack.packb(present, use_bin_type=False)
            return self._scripts[script](args=[self._prefix, self.store_id, packed])

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _REFUSALS as error:
            raise Refused(f"Redis at {self._place} refuses: {error}") from error
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
            raise Unreachable(f"Redis at {self._place} does not answer: {error}") from error
        except exceptions.ResponseError as error:
            text = str(error)
            if text.startswith("LOST"):
                raise Refused(f"the store at {self._place} has lost its data: start its jobs again") from error
            if isinstance(error, (exceptions.ReadOnlyError, exceptions.OutOfMemoryError)) or text.startswith(_PASSING):
                raise Unreachable(f"Redis at {self._place} cannot work: {text}") from error
            raise


def place(url: str) -> str:
    """Return a URL without its secrets; for an invalid URL, return a text that contains none of it."""
    found = _URL.fullmatch(url)
    return f"{found[1]}://{found[2]}" if found else "(no URL)"


def _from_environment(url: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the account and TLS settings from the environment. Raises Refused for a file that cannot be read."""
    env = os.environ if environ is None else environ
    found: dict[str, Any] = {"ssl_check_hostname": True} if url.startswith("rediss:") else {}
    for name, setting in _FILES.items():
        if file := readable(name, env):
            if not found:
                raise Refused(f"{name} is for TLS, and --redis {place(url)} does not begin with rediss://")
            found[setting] = file
    if env.get(_USERNAME):
        found["username"] = env[_USERNAME]
    if password := secret(_PASSWORD, env):
        found["password"] = password
    return found


@cache
def _source(script: str) -> str:
    parts = ["common", *(["cache"] if script in _WITH_CACHE else []), script]
    return "\n".join((_SCRIPTS / f"{part}.lua").read_text() for part in parts)
