"""How S3 is reached, and with which credentials: those never leave the process, with no message, record or log line."""

from __future__ import annotations

import base64
import os
from typing import Any
from urllib.parse import unquote_to_bytes
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from minio import Minio
from minio.credentials.credentials import Credentials
from minio.credentials.providers import AWSConfigProvider, Provider

from ingest.errors import Refused, SourceUnreachable
from ingest.job import S3

_CONNECT_SECONDS, _READ_SECONDS = 10, 60
_CONNECTIONS = 10
_RETRIES = urllib3.Retry(
    total=3,
    connect=1,
    backoff_factor=0.2,
    status_forcelist=[500, 502, 503, 504],
    raise_on_status=False,
    respect_retry_after_header=False,  # servers may say hours: whoever waits for an outage to end decides how long
)


class Keys(Provider):
    """From the key-pair file that the job names, else the environment, else the profile of the AWS tools.

    They are looked up for each request, so that new ones are used at once. Without any, SourceUnreachable is raised.
    """

    def __init__(self, keypair: str | None) -> None:
        self._keypair = keypair

    def retrieve(self) -> Credentials:
        """The credentials."""
        if self._keypair is not None and os.path.lexists(self._keypair):
            try:
                return Credentials(*read_keypair(self._keypair))
            except Refused as error:
                raise SourceUnreachable(str(error)) from None
        key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
        if key and secret:
            return Credentials(key, secret, os.environ.get("AWS_SESSION_TOKEN") or None)
        try:
            return AWSConfigProvider().retrieve()
        except Exception:  # noqa: BLE001 - a parser's message may quote the line with the secret
            raise SourceUnreachable(self._missing()) from None

    def _missing(self) -> str:
        file = "" if self._keypair is None else f"there is no {self._keypair}, "
        variables = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"
        return f"no S3 credentials on this host: {file}{variables}, and there is no usable AWS profile"


def reason(error: BaseException) -> str:
    """Why a request was not answered, in a few words: urllib3 wraps the whole request around it."""
    inner = getattr(error, "reason", None)
    if isinstance(inner, Exception):
        return reason(inner)
    return " ".join(str(error).split()).rpartition(">: ")[2] or type(error).__name__


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


def connect(settings: S3, *, retries: urllib3.Retry | bool = _RETRIES, read_seconds: float = _READ_SECONDS) -> Minio:
    """A client for the server, by way of the proxy that the job or the environment names. It connects when used.

    Raises SourceUnreachable for a proxy that cannot be one.
    """
    scheme = "https" if settings.secure else "http"
    how: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=_CONNECT_SECONDS, read=read_seconds),
        "maxsize": _CONNECTIONS,
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": os.environ.get("SSL_CERT_FILE") or certifi.where(),
        "retries": retries,
    }
    proxy = settings.proxy or (None if proxy_bypass(settings.endpoint) else getproxies().get(scheme))
    return Minio(
        settings.endpoint,
        secure=settings.secure,
        region=settings.region,
        credentials=Keys(settings.keypair),
        http_client=_by_proxy(proxy, scheme, how) if proxy else urllib3.PoolManager(**how),
    )


def _by_proxy(proxy: str, scheme: str, how: dict[str, Any]) -> urllib3.ProxyManager:
    """The proxy is told the user that its URL names, which urllib3 would leave out."""
    try:
        user = urllib3.util.parse_url(proxy).auth
        basic = f"Basic {base64.b64encode(unquote_to_bytes(user)).decode()}" if user else None
        return urllib3.ProxyManager(proxy, proxy_headers={"Proxy-Authorization": basic} if basic else None, **how)
    except urllib3.exceptions.LocationValueError:  # its message may quote the password
        named = f"--s3_proxy_url, or {scheme}_proxy in the environment"
        raise SourceUnreachable(f"the proxy for {scheme} ({named}) must be like http://host:port") from None
