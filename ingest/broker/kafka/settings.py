"""How Kafka is reached: address, credentials from the environment, and its errors as ours."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import errors

from ingest.credentials import readable, secret
from ingest.errors import Refused, Unreachable

KAFKA = "INGEST_KAFKA"
"""What the variables of the queue's Kafka begin with; another Kafka has others."""
_PLAIN = {"SECURITY": "security_protocol", "SASL_MECHANISM": "sasl_mechanism", "USERNAME": "sasl_plain_username"}
_FILES = {"CA_FILE": "ssl_cafile", "CERT_FILE": "ssl_certfile", "KEY_FILE": "ssl_keyfile"}
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_REFUSALS = (
    errors.SaslAuthenticationFailedError,
    errors.UnsupportedSaslMechanismError,
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.InvalidTopicError,
    errors.InvalidReplicationFactorError,
    errors.PolicyViolationError,
    errors.KafkaConfigurationError,
    errors.InvalidSessionTimeoutError,
    errors.FencedInstanceIdError,
    errors.InvalidGroupIdError,
)


class _LastFailure(logging.Handler):
    """Keeps what kafka-python only logs: why it could not connect."""

    reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        for each in record.args if isinstance(record.args, tuple) else ():
            if isinstance(each, errors.SaslAuthenticationFailedError):
                self.reason = words(each)
            elif isinstance(each, Exception) and not isinstance(each, errors.RequestTimedOutError):
                self.reason = self.reason or words(each)


# What it has to say of lost connections it says a hundred times over; we say it once.
logging.getLogger("kafka").setLevel(logging.CRITICAL)
_last_failure = _LastFailure()
_connections = logging.getLogger("kafka.net.connection")
_connections.setLevel(logging.ERROR)
_connections.propagate = False
_connections.addHandler(_last_failure)


def variables(prefix: str = KAFKA) -> tuple[str, ...]:
    """The environment variables that `connection` reads; secrets are on no command line."""
    return tuple(f"{prefix}_{name}" for name in (*_PLAIN, *_FILES, "PASSWORD", "PASSWORD_FILE"))


def connection(bootstrap: str, environ: Mapping[str, str] | None = None, *, prefix: str = KAFKA) -> dict[str, Any]:
    """The settings of kafka-python for `host:port[,host:port…]`, with TLS and SASL as the environment says.

    A user name alone means SASL (mechanism PLAIN) over TLS, a CA file alone TLS. Raises Refused.
    """
    env = os.environ if environ is None else environ
    servers = [each.strip() for each in bootstrap.split(",") if each.strip()]
    for each in servers:
        if not each.rpartition(":")[2].isdecimal():
            option = prefix.removeprefix("INGEST_").lower().replace("_", "-")
            raise Refused(f"--{option} wants host:port, not {each!r}")
    found = {setting: env[f"{prefix}_{name}"] for name, setting in _PLAIN.items() if env.get(f"{prefix}_{name}")}
    found |= {setting: file for name, setting in _FILES.items() if (file := readable(f"{prefix}_{name}", env))}
    if password := secret(f"{prefix}_PASSWORD", env):
        found["sasl_plain_password"] = password
    sasl = "sasl_plain_username" in found
    protocol = found.setdefault(
        "security_protocol", "SASL_SSL" if sasl else "SSL" if "ssl_cafile" in found else "PLAINTEXT"
    )
    if protocol not in _PROTOCOLS:
        raise Refused(f"{prefix}_SECURITY is one of {', '.join(_PROTOCOLS)}, not {protocol!r}")
    if protocol.startswith("SASL"):
        mechanism = found.setdefault("sasl_mechanism", "PLAIN")
        if mechanism.startswith(("PLAIN", "SCRAM")) and not (sasl and "sasl_plain_password" in found):
            raise Refused(f"SASL for Kafka wants {prefix}_USERNAME and {prefix}_PASSWORD, or {prefix}_PASSWORD_FILE")
    return {"bootstrap_servers": servers, **found}


@contextmanager
def translated(bootstrap: str, prefix: str = KAFKA) -> Iterator[None]:
    """Turn the errors of kafka-python into Refused, when waiting does not help, or Unreachable."""
    _last_failure.reason = ""
    try:
        yield
    except _REFUSALS as error:
        raise Refused(f"Kafka at {bootstrap} refuses: {words(error)}") from error
    except (errors.KafkaError, OSError) as error:
        reason = _last_failure.reason or words(error)
        if os.environ.get(f"{prefix}_USERNAME") and "Handshake failed" not in reason:
            # After a wrong password, too, it may just hang up.
            reason += f" (are {prefix}_USERNAME and its password right?)"
        raise Unreachable(f"Kafka at {bootstrap} does not answer: {reason}") from error


def words(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) or type(error).__name__
