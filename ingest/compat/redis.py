"""A stand-in for `redis.StrictRedis` on the store of the landing zone: the commands that handlers use.

Keys are handlers' own and shared by all jobs of the store, as they were in Redis. Answers are bytes, as redis-py's are.
"""

from __future__ import annotations

import fnmatch
import math
import os
import secrets
import time
from datetime import timedelta
from types import TracebackType
from typing import Any

from ingest.store import Store

Text = bytes | str | int | float

LEASE_SECONDS = 60.0
"""Maximum seconds that a lock without `timeout` is held: a killed worker must not keep it."""
_SPACE = b"redis/"


class LockNotTaken(Exception):  # noqa: N818 - another process has it
    """The lock was not free within the time."""


class Redis:
    """Strings, numbers and lists with expiry, and locks. Raises TypeError where a value is of another kind."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        there = ", ".join(each for each in dir(type(self)) if not each.startswith("_"))
        raise AttributeError(f"the landing zone's stand-in for Redis has no {name!r}; it has {there}")

    def get(self, name: Text) -> bytes | None:
        """The string under a key."""
        return self._store.values.get(_key(name))

    def set(
        self,
        name: Text,
        value: Text,
        ex: float | timedelta | None = None,
        px: float | timedelta | None = None,
        nx: bool = False,
    ) -> bool | None:
        """Set a string that expires after `ex` seconds or `px` milliseconds; None if `nx` and the key exists."""
        seconds = _seconds(ex) if px is None else _seconds(px if isinstance(px, timedelta) else px / 1000)
        return self._store.values.set(_key(name), _bytes(value), seconds=seconds, only_new=nx) or None

    def setnx(self, name: Text, value: Text) -> bool:
        """Set a string if the key does not exist; returns whether it was set."""
        return bool(self.set(name, value, nx=True))

    def incr(self, name: Text, amount: int = 1) -> int:
        """Add to a number; the sum."""
        return self._store.values.add(_key(name), amount)

    incrby = incr

    def decr(self, name: Text, amount: int = 1) -> int:
        """Subtract from a number; the difference."""
        return self.incr(name, -amount)

    decrby = decr

    def delete(self, *names: Text) -> int:
        """Remove keys; returns how many existed."""
        return sum(self._store.values.delete(_key(name)) for name in names)

    def exists(self, *names: Text) -> int:
        """How many of the keys exist."""
        return sum(self.ttl(name) != _ABSENT for name in names)

    def rpush(self, name: Text, *values: Text) -> int:
        """Add to the end of a list; its length."""
        return self._store.values.push(_key(name), [_bytes(value) for value in values])

    def lpush(self, name: Text, *values: Text) -> int:
        """Add to the beginning of a list, one after another; its length."""
        return self._store.values.push(_key(name), [_bytes(value) for value in values], left=True)

    def lrange(self, name: Text, start: int, end: int) -> list[bytes]:
        """The elements from `start` to `end`, both included."""
        return self._store.values.elements(_key(name), start, end)

    def lindex(self, name: Text, index: int) -> bytes | None:
        """One element of a list."""
        return next(iter(self.lrange(name, index, index)), None)

    def llen(self, name: Text) -> int:
        """The length of a list."""
        return self._store.values.length(_key(name))

    def expire(self, name: Text, time: float | timedelta) -> bool:
        """Let a key expire in so many seconds; returns whether it exists."""
        return self._store.values.expire(_key(name), _seconds(time))

    def ttl(self, name: Text) -> int:
        """Seconds until a key expires; -1: never, -2: the key does not exist."""
        try:
            seconds = self._store.values.expiry(_key(name))
        except KeyError:
            return _ABSENT
        return _FOR_EVER if seconds is None else math.ceil(seconds)

    def keys(self, pattern: Text = "*") -> list[bytes]:
        """The keys that match a pattern of `*`, `?` and `[…]`."""
        found = self._store.values.keys(_SPACE)
        return fnmatch.filter([key.removeprefix(_SPACE) for key in found], _bytes(pattern))

    def ping(self) -> bool:
        """Whether the key exists."""
        return True

    def lock(
        self,
        name: str,
        timeout: float | None = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
    ) -> Lock:
        """A lock that expires after `timeout` seconds [60]; `acquire` waits at most `blocking_timeout` seconds."""
        return Lock(self._store, name, timeout or LEASE_SECONDS, sleep, blocking_timeout if blocking else 0.0)


class Lock:
    """A lease of the store as a lock; a context manager."""

    def __init__(self, store: Store, name: str, seconds: float, sleep: float, patience: float | None) -> None:
        self._store = store
        self._name = f"redis/{name}"
        self._owner = f"{os.getpid()}:{secrets.token_hex(8)}"
        self._seconds = seconds
        self._sleep = sleep
        self._patience = math.inf if patience is None else patience

    def acquire(self, blocking: bool | None = None, blocking_timeout: float | None = None) -> bool:
        """Acquire the lock; False if it was not free in time."""
        patience = self._patience if blocking_timeout is None else blocking_timeout
        end = time.monotonic() + (0.0 if blocking is False else patience)
        while not self._store.leases.take(self._name, self._owner, self._seconds):
            if time.monotonic() + self._sleep > end:
                return False
            time.sleep(self._sleep)
        return True

    def release(self) -> None:
        """Release the lock; does nothing if it has expired."""
        self._store.leases.release(self._name, self._owner)

    def __enter__(self) -> Lock:
        if not self.acquire():
            raise LockNotTaken(f"the lock {self._name.removeprefix('redis/')} was not free in time")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


_FOR_EVER, _ABSENT = -1, -2


def _seconds(seconds: float | timedelta | None) -> float | None:
    if seconds is None:
        return None
    return seconds.total_seconds() if isinstance(seconds, timedelta) else seconds


def _key(name: Text) -> bytes:
    return _SPACE + _bytes(name)


def _bytes(value: Text) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError(f"a value must be bytes, text or a number, and {value!r} is not")
    return str(value).encode("utf-8", "surrogateescape")
