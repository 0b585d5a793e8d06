"""How Kafka is reached: address, credentials from the environment, and its errors as ours."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import errors

from ingest.errors import Refused, Unreachable

ENVIRONMENT = {
    "INGEST_KAFKA_SECURITY": "security_protocol",
    "INGEST_KAFKA_SASL_MECHANISM": "sasl_mechanism",
    "INGEST_KAFKA_USERNAME": "sasl_plain_username",
    "INGEST_KAFKA_PASSWORD": "sasl_plain_password",
    "INGEST_KAFKA_CA_FILE": "ssl_cafile",
    "INGEST_KAFKA_CERT_FILE": "ssl_certfile",
    "INGEST_KAFKA_KEY_FILE": "ssl_keyfile",
}
"""Environment variables and the settings of kafka-python that they stand for; secrets are on no command line."""
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_PASSWORD_FILE = "INGEST_KAFKA_PASSWORD_FILE"  # noqa: S105 - the name of a variable
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
)

# What it has to say of lost connections it says a hundred times over; we say it once.
logging.getLogger("kafka").setLevel(logging.CRITICAL)


def connection(bootstrap: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The settings of kafka-python for `host:port[,host:port…]`, with TLS and SASL as the environment says.

    A user name alone means SASL (mechanism PLAIN) over TLS, a CA file alone TLS. Raises Refused.
    """
    env = os.environ if environ is None else environ
    servers = [each.strip() for each in bootstrap.split(",") if each.strip()]
    for each in servers:
        if not each.rpartition(":")[2].isdecimal():
            raise Refused(f"--kafka wants host:port, not {each!r}")
    found = {setting: env[name] for name, setting in ENVIRONMENT.items() if env.get(name)}
    if env.get(_PASSWORD_FILE):
        try:
            found["sasl_plain_password"] = Path(env[_PASSWORD_FILE]).read_text().rstrip("\n")
        except OSError as error:
            raise Refused(f"{_PASSWORD_FILE}: cannot read {env[_PASSWORD_FILE]}: {error.strerror}") from error
    sasl = "sasl_plain_username" in found
    protocol = found.setdefault(
        "security_protocol", "SASL_SSL" if sasl else "SSL" if "ssl_cafile" in found else "PLAINTEXT"
    )
    if protocol not in _PROTOCOLS:
        raise Refused(f"INGEST_KAFKA_SECURITY is one of {', '.join(_PROTOCOLS)}, not {protocol!r}")
    if protocol.startswith("SASL"):
        found.setdefault("sasl_mechanism", "PLAIN")
    return {"bootstrap_servers": servers, **found}


@contextmanager
def translated(bootstrap: str) -> Iterator[None]:
    """Turn the errors of kafka-python into Refused, when waiting does not help, or Unreachable."""
    try:
        yield
    except _REFUSALS as error:
        raise Refused(f"Kafka at {bootstrap} refuses: {words(error)}") from error
    except (errors.KafkaError, OSError) as error:
        # A wrong password, too, is nothing but silence to kafka-python.
        doubt = " (or it does not accept INGEST_KAFKA_USERNAME)" if os.environ.get("INGEST_KAFKA_USERNAME") else ""
        raise Unreachable(f"Kafka at {bootstrap} does not answer: {words(error)}{doubt}") from error


def words(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) or type(error).__name__
