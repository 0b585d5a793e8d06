"""Login: negotiation, and the native scheme as authentication flow (110000) and in its older form (703, 704).

Source of the exchanges: python-irodsclient, ``irods.connection`` and ``irods.auth.native``.
"""

import base64
import hashlib
import hmac
import secrets

from irods.api_number import api_number

from devzone.errors import (
    CAT_INVALID_AUTHENTICATION,
    CAT_INVALID_CLIENT_USER,
    CAT_INVALID_USER,
    SYS_INVALID_INPUT_PARAM,
    SYS_PROXYUSER_NO_PRIV,
    USER_INVALID_USERNAME_FORMAT,
    IrodsError,
)
from devzone.session import Handler, Reply, Request, Session, json_of, json_reply, load_user
from devzone.wire import element

PASSWORD_LENGTH = 50
NEGOTIATION = "request_server_negotiation"
# The server has no TLS, so its policy is CS_NEG_REFUSE.
NEGOTIATION_BODY = element("CS_NEG_PI", {"status": 1, "result": "CS_NEG_REFUSE"})
VERSION_BODY = element(
    "Version_PI",
    {"status": 0, "relVersion": "rods5.0.2", "apiVersion": "d", "reconnPort": 0, "reconnAddr": "", "cookie": 400},
)


def digest(challenge: bytes, password: str) -> bytes:
    """The right answer to a challenge: the MD5 of it and the padded password, with zero bytes replaced by ones."""
    padded = password.encode()[:PASSWORD_LENGTH].ljust(PASSWORD_LENGTH, b"\0")
    return hashlib.md5(challenge + padded, usedforsecurity=False).digest().replace(b"\0", b"\1")


def start_challenge(session: Session, name: str) -> str:
    """A new challenge of 64 characters for the user ``name``."""
    if not name:
        raise IrodsError(USER_INVALID_USERNAME_FORMAT)
    session.challenge = secrets.token_hex(32)
    return session.challenge


def check_answer(session: Session, name: str, zone: str, answer: bytes) -> None:
    """Log the session in if the answer to the challenge is right."""
    row = session.db.execute("select password from user where name = ? and zone = ?", (name, zone)).fetchone()
    proxy = load_user(session.db, name, zone)
    if row is None or proxy is None:
        raise IrodsError(CAT_INVALID_USER, name)
    expected = digest(session.challenge.encode(), row[0])
    if not session.challenge or not row[0] or not hmac.compare_digest(expected, answer):
        raise IrodsError(CAT_INVALID_AUTHENTICATION)
    wanted = (session.startup.get("clientUser", name), session.startup.get("clientRcatZone", zone))
    client = load_user(session.db, *wanted)
    if client is None:
        raise IrodsError(CAT_INVALID_CLIENT_USER, wanted[0])
    if client.id != proxy.id and not proxy.is_admin:
        raise IrodsError(SYS_PROXYUSER_NO_PRIV)
    session.proxy, session.client = proxy, client
    session.user_version = session.zone.catalog.user_version


def _flow(session: Session, request: Request) -> Reply:
    """Run one step of the authentication flow. The field ``next_operation`` names the step."""
    fields = json_of(request)
    name, zone = str(fields.get("user_name", "")), str(fields.get("zone_name", ""))
    if fields.get("next_operation") == "auth_agent_auth_request":
        return json_reply({**fields, "request_result": start_challenge(session, name)})
    if fields.get("next_operation") == "auth_agent_auth_response":
        check_answer(session, name, zone, base64.b64decode(str(fields.get("digest", ""))))
        return json_reply(fields)
    raise IrodsError(SYS_INVALID_INPUT_PARAM, "unknown authentication step")


def _legacy_request(session: Session, request: Request) -> Reply:  # noqa: ARG001 - the request has no body
    """Return the challenge, in the older form."""
    challenge = start_challenge(session, session.startup.get("proxyUser", ""))
    return Reply(0, element("authRequestOut_PI", {"challenge": base64.b64encode(challenge.encode()).decode()}))


def _legacy_response(session: Session, request: Request) -> Reply:
    """Check the answer to the challenge, in the older form. The user may be written as name#zone."""
    name, _, zone = request.node.text("username").partition("#")
    answer = base64.b64decode(request.node.text("response"))
    check_answer(session, name, zone or session.startup.get("proxyRcatZone", ""), answer)
    return Reply()


HANDLERS: dict[int, Handler] = {
    api_number["AUTHENTICATION_APN"]: _flow,
    api_number["AUTH_REQUEST_AN"]: _legacy_request,
    api_number["AUTH_RESPONSE_AN"]: _legacy_response,
}
