"""Tells an outage of the zone or the source from the failure of one path."""

from __future__ import annotations

import msgspec

from consumer.irods.errors import TEMPORARY, connection_lost, describe, login_refused, server_error
from consumer.irods.sessions import check_login
from consumer.protocol import Outcome, Result
from consumer.sync.context import Context
from consumer.sync.decide import Impossible
from ingest.errors import Refused, Unreachable
from scanner.entries import SourceNotVisible


def out_of_reach(ctx: Context, error: Exception) -> bool:
    """Whether the zone or the source is out of reach: an outage is never the failure of a path.

    A handler may lose connections of its own: then the zone is asked. The login of another account than ours may be
    refused: then we log in. Raises AccountRefused, or Unreachable, when that fails.
    """
    if isinstance(error, (Unreachable, SourceNotVisible)):
        return True
    if login_refused(error):
        ctx.sessions.close()
        check_login(ctx.sessions)
        return False
    return connection_lost(error) and (ctx.handler.method_in(error) is None or not zone_answers(ctx))


def zone_answers(ctx: Context) -> bool:
    """Whether a login with a new connection succeeds."""
    ctx.sessions.close()
    try:
        check_login(ctx.sessions)
    except Unreachable:
        return False
    return True


def failure(ctx: Context, target: str, error: Exception) -> Outcome:
    """The record of what went wrong with one path."""
    ctx.log.debug("failed", target=target, exc_info=error)
    if isinstance(error, (Impossible, Refused)):
        return Outcome(Result.FAILED, reason=str(error))
    method = ctx.handler.method_in(error)
    described = of_error(error)
    reason = f"{method}() of the event handler: {described.reason}" if method else described.reason
    return msgspec.structs.replace(described, reason=reason)


def of_error(error: Exception) -> Outcome:
    """The outcome for an error that is no outage: to be tried later if iRODS says "not now", otherwise a failure."""
    found = server_error(error)
    return Outcome(
        Result.LATER if found and found.code in TEMPORARY else Result.FAILED,
        reason=describe(error),
        error=found.name if found else type(error).__name__,
        code=found.code if found else None,
    )
