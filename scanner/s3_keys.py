"""The credentials of this process for S3. They never leave it: not with a message, nor a record, nor a log line."""

from __future__ import annotations

import os

from minio.credentials.credentials import Credentials
from minio.credentials.providers import AWSConfigProvider, Provider

from ingest.errors import Refused
from scanner.entries import RootUnseen


class Keys(Provider):
    """From the key-pair file that the job names, else the environment, else the profile of the AWS tools.

    They are looked up for each request, so that new ones are used at once. Without any, RootUnseen is raised.
    """

    def __init__(self, keypair: str | None) -> None:
        self._keypair = keypair

    def retrieve(self) -> Credentials:
        """The credentials."""
        if self._keypair is not None and os.path.lexists(self._keypair):
            try:
                return Credentials(*read_keypair(self._keypair))
            except Refused as error:
                raise RootUnseen(str(error)) from None
        key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
        if key and secret:
            return Credentials(key, secret, os.environ.get("AWS_SESSION_TOKEN") or None)
        try:
            return AWSConfigProvider().retrieve()
        except Exception:  # noqa: BLE001 - a parser's message may quote the line with the secret
            raise RootUnseen(self._missing()) from None

    def _missing(self) -> str:
        file = "" if self._keypair is None else f"there is no {self._keypair}, "
        variables = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"
        return f"no S3 credentials on this host: {file}{variables}, and there is no usable AWS profile"


def read_keypair(file: str) -> tuple[str, str]:
    """Access key and secret key, the two lines of a key-pair file. Raises Refused, without what is in the file."""
    try:
        with open(file, encoding="utf-8") as lines:
            found = lines.read().split()
    except OSError as error:
        raise Refused(f"cannot read the S3 key-pair file {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        found = []
    if len(found) != 2:
        raise Refused(f"the S3 key-pair file {file} must have two lines: the access key and the secret key")
    return found[0], found[1]
