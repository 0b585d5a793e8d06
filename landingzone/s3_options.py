"""Checks of the options for S3, and the two ways to name a source there."""

from __future__ import annotations

import os
import re
from dataclasses import asdict
from urllib.parse import urlsplit

from ingest.errors import Refused
from ingest.job import S3
from ingest.paths import shown
from landingzone.job_options import JobOptions, S3Options
from landingzone.options import on_command_line
from scanner.files.directory import elements

SCHEME = "s3://"
AMAZON = S3()
"""The default server."""
_FOR_DIRECTORIES = ("follow_symlinks", "one_file_system", "accept_new_device")
_ENDPOINT = re.compile(r"[A-Za-z0-9._-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{1,61}[A-Za-z0-9]")


def is_s3(source: str, options: JobOptions) -> bool:
    """Whether the source is in S3: an s3:// URL, or as in automated-ingest any source with --s3_keypair.

    Raises Refused if the command line has options for the other kind of source.
    """
    values = {name: getattr(options, name) for name in _FOR_DIRECTORIES} | asdict(options.s3)
    named = [name for name, value in values.items() if value not in (None, False) and on_command_line(name)]
    if source.startswith(SCHEME) or "s3_keypair" in named:
        for name in _FOR_DIRECTORIES:
            if name in named:
                raise Refused(f"--{name.replace('_', '-')} is for directories, not for sources in S3")
        return True
    for name in named:
        if name.startswith("s3_"):
            raise Refused(f"--{name} is for sources like s3://bucket/prefix, or needs --s3_keypair")
    return False


def root(source: str) -> bytes:
    """/bucket/prefix, from s3://bucket/prefix, /bucket/prefix or bucket/prefix. Raises Refused."""
    try:
        bucket, _, prefix = source.removeprefix(SCHEME).lstrip("/").partition("/")
        path = prefix.removesuffix("/").encode()
        elements(path)
    except ValueError as error:  # a text that is not UTF-8 as well
        raise Refused(f"the prefix of {shown(source)} must not have an element that is empty, '.' or '..'") from error
    if not _BUCKET.fullmatch(bucket):
        raise Refused(f"the source {source} has no valid name of a bucket: s3://bucket/prefix")
    return b"/".join([b"", bucket.encode(), *([path] if path else [])])


def settings(options: S3Options) -> S3:
    """Check the options and return how the server is reached. Raises Refused."""
    keypair, proxy = options.s3_keypair, options.s3_proxy_url
    endpoint = options.s3_endpoint_domain or AMAZON.endpoint
    if not _ENDPOINT.fullmatch(endpoint):
        raise Refused(f"--s3_endpoint_domain {endpoint!r} must be a host, or host:port, without http:// and path")
    region, secure = options.s3_region_name or AMAZON.region, not options.s3_insecure_connection
    _check_server(endpoint, region, secure=secure)
    if keypair is not None:
        from ingest.s3 import read_keypair  # noqa: PLC0415 - slow to import, and most jobs do without

        read_keypair(keypair)
    if proxy is not None:
        _check_proxy(proxy)
    return S3(
        endpoint=endpoint,
        region=region,
        keypair=None if keypair is None else os.path.abspath(keypair),
        proxy=proxy,
        secure=secure,
        multipart_mib=options.s3_multipart_chunksize_in_mib,
    )


def _check_server(endpoint: str, region: str, *, secure: bool) -> None:
    """Raise Refused if the client library would reject the server."""
    from minio.helpers import BaseURL  # noqa: PLC0415 - slow to import, and most jobs do without

    try:
        BaseURL(f"{'https' if secure else 'http'}://{endpoint}", region)
    except ValueError as error:
        named = f"--s3_endpoint_domain {endpoint!r} with --s3_region_name {region!r}"
        raise Refused(f"{named} is no S3 server: {error}") from error


def _check_proxy(proxy: str) -> None:
    try:
        url = urlsplit(proxy)
        fine = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        raise Refused("--s3_proxy_url must be like http://host:port") from None
    if url.password or url.username:
        raise Refused(
            "--s3_proxy_url has a user or password, and is stored with the job: set HTTPS_PROXY in the environment of"
            " those who work on it instead"
        )
    if not fine:
        raise Refused("--s3_proxy_url must be like http://host:port")
