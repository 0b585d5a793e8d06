"""What a deployment keeps out of command lines and settings files: secrets, and the files of TLS."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ingest.errors import Refused


def secret(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """What the variable `name` holds, else what is in the file that `name`_FILE names; None where neither is set.

    The line break at the end of a file is no part of it. Raises Refused for a file that gives nothing.
    """
    env = os.environ if environ is None else environ
    given = readable(f"{name}_FILE", env)
    if env.get(name) or given is None:
        return env.get(name) or None
    try:
        with open(given, encoding="utf-8") as file:
            text = file.read().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Refused(f"{name}_FILE: {given} is not UTF-8") from None  # its error would quote from the file
    if not text:
        raise Refused(f"{name}_FILE: {given} is empty")
    return text


def readable(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """The path in the variable `name`, None where it is not set. Raises Refused for a file that cannot be read."""
    file = (os.environ if environ is None else environ).get(name)
    if not file:
        return None
    try:
        with open(file, "rb"):
            return file
    except OSError as error:
        raise Refused(f"{name}: cannot read {file}: {error.strerror}") from error
