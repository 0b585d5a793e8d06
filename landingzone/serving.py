"""Run a consumer until it is to end, and outlive the time in which iRODS refuses the account of this process."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from consumer.dispatch.loop import Consumer
from consumer.irods.sessions import Sessions, check_login
from ingest.errors import AccountRefused, Unreachable
from ingest.service import logs
from ingest.service.backoff import Backoff, Waits
from ingest.service.health import Health
from ingest.store import ConsumerStatus, Store

_TRIES = Waits(2.0, 300.0)
"""Seconds between logins: at first, and at most. A site may lock an account after many refusals."""
_ALIVE_SECONDS = 6.0
_LOGIN_SECONDS = 120.0
"""How long a login may take: python-irodsclient waits so long for an answer."""
_LOOK = 0.2


def serve(
    consumer: Consumer,
    again: Callable[[], Consumer],
    store: Store,
    until: Callable[[], bool],
    health: Health | None = None,
) -> None:
    """Run a consumer until `until()` is true. While iRODS refuses the account, other consumers have its partitions.

    Args:
        consumer: The consumer.
        again: Makes another one, once the account can log in again.
        store: The store, of the calling thread.
        until: Is called many times a second.
        health: Receives a heartbeat every turn.
    """
    health = health or Health("consumer")
    while True:
        try:
            consumer.run(until, health)
        except AccountRefused as error:
            if not _can_log_in(str(error), consumer.topics, store, until, health):
                health.ended()
                return
            consumer = again()
        else:
            return


def _can_log_in(reason: str, topics: Sequence[str], store: Store, until: Callable[[], bool], health: Health) -> bool:
    """Wait until the account can log in; tell the store and `health` meanwhile. Returns False if `until()` is true."""
    outage = Backoff(logs.get("consumer"), _TRIES)
    status = ConsumerStatus(f"consumer-{secrets.token_hex(4)}", tuple(topics), (), {"": reason}, refused=True)
    due = time.monotonic() + outage.failed(reason)
    while not (ended := until()):
        with suppress(Unreachable):
            store.consumers.announce(status, _ALIVE_SECONDS)
        health.heartbeat("consumer", f"waits: {reason}", ready=False, rest=_LOGIN_SECONDS)
        if time.monotonic() >= due:
            if not _is_refused():
                outage.succeeded()
                break
            due = time.monotonic() + outage.failed(reason)
        time.sleep(_LOOK)
    with suppress(Unreachable):
        store.consumers.announce(status, 0.0)
    return not ended


def _is_refused() -> bool:
    """Whether iRODS refuses the login. A zone that does not answer is an outage, which a consumer waits for."""
    sessions = Sessions(1)
    try:
        check_login(sessions)
    except AccountRefused:
        return True
    except Unreachable:
        return False
    finally:
        sessions.close()
    return False
