"""Secrets and TLS files from the environment, so that command lines and settings files need not contain them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ingest.errors import Refused


def secret(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return a secret from the environment.

    Args:
        name: The variable with the secret. The variable `name`_FILE may name a file with the secret instead.
        environ: The environment; None for that of the process.

    Returns:
        The secret without the line break at its end; None when neither variable is set.

    Raises:
        Refused: The file cannot be read, or is empty.
    """
    env = os.environ if environ is None else environ
    path = readable(f"{name}_FILE", env)
    if env.get(name) or path is None:
        return env.get(name) or None
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Refused(f"{name}_FILE: {path} is not UTF-8") from None  # the message of the error would quote the file
    if not text:
        raise Refused(f"{name}_FILE: {path} is empty")
    return text


def readable(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the path in the variable `name`; None when it is not set. Raises Refused for an unreadable file."""
    file = (os.environ if environ is None else environ).get(name)
    if not file:
        return None
    try:
        with open(file, "rb"):
            return file
    except OSError as error:
        raise Refused(f"{name}: cannot read {file}: {error.strerror}") from error
