"""The connection to S3 and its credentials, which no message, record or log line contains."""

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
    respect_retry_after_header=False,  # it may be hours; the caller decides how long to wait
)


class Keys(Provider):
    """The credentials from the job's key-pair file, else from the environment, else from the profile of the AWS tools.

    They are looked up for each request, so that new credentials are used at once.
    """

    def __init__(self, keypair: str | None) -> None:
        self._keypair = keypair

    def retrieve(self) -> Credentials:
        """Return the credentials. Raises SourceUnreachable when there are none, or the key-pair file is unusable."""
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
        except Exception:  # noqa: BLE001 - the message of a parser may quote the secret
            raise SourceUnreachable(self._missing()) from None

    def _missing(self) -> str:
        file = "" if self._keypair is None else f"there is no {self._keypair}, "
        variables = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"
        return f"no S3 credentials on this host: {file}{variables}, and there is no usable AWS profile"


def reason(error: BaseException) -> str:
    """Return why a request failed, without the request, which urllib3 adds to the text."""
    inner = getattr(error, "reason", None)
    if isinstance(inner, Exception):
        return reason(inner)
    return " ".join(str(error).split()).rpartition(">: ")[2] or type(error).__name__


def read_keypair(file: str) -> tuple[str, str]:
    """Return the access key and the secret key in a key-pair file. Raises Refused; the message quotes no key."""
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
    """Return a client for the server. It connects when it is used, through the proxy of the job or the environment.

    Args:
        settings: The server.
        retries: How often a request is repeated; False for never.
        read_seconds: The longest wait for data, in seconds.

    Raises:
        SourceUnreachable: The address of the proxy is invalid.
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
    """Return a pool that sends the user and password in the URL to the proxy; urllib3 alone would not."""
    try:
        user = urllib3.util.parse_url(proxy).auth
        basic = f"Basic {base64.b64encode(unquote_to_bytes(user)).decode()}" if user else None
        return urllib3.ProxyManager(proxy, proxy_headers={"Proxy-Authorization": basic} if basic else None, **how)
    except urllib3.exceptions.LocationValueError:  # the message of the error may quote the password
        named = f"--s3_proxy_url, or {scheme}_proxy in the environment"
        raise SourceUnreachable(f"the proxy for {scheme} ({named}) must be like http://host:port") from None
