"""Connection settings of Kafka from the environment, and the translation of its errors."""

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
"""The prefix of the environment variables for the Kafka of the queue. Another Kafka has another prefix."""
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
    """Keeps the reason of a failed connection, which kafka-python only logs."""

    reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        for each in record.args if isinstance(record.args, tuple) else ():
            if isinstance(each, errors.SaslAuthenticationFailedError):
                self.reason = words(each)
            elif isinstance(each, Exception) and not isinstance(each, errors.RequestTimedOutError):
                self.reason = self.reason or words(each)


# It logs a lost connection a hundred times; we report it once.
logging.getLogger("kafka").setLevel(logging.CRITICAL)
_last_failure = _LastFailure()
_connections = logging.getLogger("kafka.net.connection")
_connections.setLevel(logging.ERROR)
_connections.propagate = False
_connections.addHandler(_last_failure)


def variables(prefix: str = KAFKA) -> tuple[str, ...]:
    """Return the environment variables that `connection` reads. No command line has secrets."""
    return tuple(f"{prefix}_{name}" for name in (*_PLAIN, *_FILES, "PASSWORD", "PASSWORD_FILE"))


def connection(bootstrap: str, environ: Mapping[str, str] | None = None, *, prefix: str = KAFKA) -> dict[str, Any]:
    """Return the settings of kafka-python, with TLS and SASL from the environment.

    With only a user name, SASL (mechanism PLAIN) over TLS is used; with only a CA file, TLS.

    Args:
        bootstrap: The servers, as host:port[,host:port…].
        environ: The environment; None for that of the process.
        prefix: The prefix of the environment variables.

    Raises:
        Refused: An address or a variable is invalid.
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
    """Translate the errors of kafka-python: Refused when waiting does not help, otherwise Unreachable."""
    _last_failure.reason = ""
    try:
        yield
    except _REFUSALS as error:
        raise Refused(f"Kafka at {bootstrap} refuses: {words(error)}") from error
    except (errors.KafkaError, OSError) as error:
        reason = _last_failure.reason or words(error)
        if os.environ.get(f"{prefix}_USERNAME") and "Handshake failed" not in reason:
            # After a wrong password, Kafka may just close the connection.
            reason += f" (are {prefix}_USERNAME and its password right?)"
        raise Unreachable(f"Kafka at {bootstrap} does not answer: {reason}") from error


def words(error: BaseException) -> str:
    """Return the text of an error in one line."""
    return " ".join(str(error).split()) or type(error).__name__
