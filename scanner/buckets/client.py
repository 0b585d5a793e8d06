"""The three requests that an S3 source needs, and one exception for all of their failures.

Paging and ranges pinned to an ETag need `Minio._execute`, which signs and sends any request: the public methods of
minio-py 7.2 hide the pages of a listing.
"""

from __future__ import annotations

import http
from collections.abc import Mapping
from typing import Any, NamedTuple
from xml.etree.ElementTree import ParseError

import urllib3
from minio.datatypes import parse_list_objects
from minio.error import InvalidResponseError, S3Error, ServerError
from minio.time import from_http_header

from ingest.job import S3
from ingest.s3 import connect, reason

_READS = 3
"""How often a range is requested when its transfer breaks off."""
UNREACHABLE = "unreachable"
"""The code for a missing answer, and for an answer that is not one of S3."""
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "InvalidObjectState"})
_BUSY = frozenset({429, 503})
"""The HTTP status of SlowDown, ServiceUnavailable and their variants."""


class S3Failed(Exception):  # noqa: N818 - it reads as what happened
    """A request has failed: the code of S3, a sentence, and the HTTP status if there was one."""

    def __init__(self, code: str, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.busy = status in _BUSY and code != "SlowDownRead"  # MinIO's code for an object that it cannot read
        """The server asks for fewer requests; this says nothing about the object."""

    @property
    def absent(self) -> bool:
        """Whether the object or the bucket is absent; the answer to a HEAD does not distinguish them."""
        return self.code == "NoSuchKey"

    @property
    def denied(self) -> bool:
        """Whether the server refuses access on purpose."""
        return self.code in _DENIED


class Object(NamedTuple):
    """An object: key, size in bytes, last modification in seconds since the epoch, and ETag."""

    key: str
    size: int
    seconds: int
    etag: str


class Page(NamedTuple):
    """A part of a listing, in the order of UTF-8 bytes. With a `token` there are more pages."""

    objects: list[Object]
    prefixes: list[str]
    token: str | None


class Client:
    """A bucket."""

    def __init__(self, bucket: str, settings: S3) -> None:
        self._bucket = bucket
        self._endpoint = settings.endpoint
        self._minio = connect(settings)

    def page(
        self, prefix: str, *, after: str = "", token: str | None = None, delimiter: str = "/", most: int = 1000
    ) -> Page:
        """Request a page of the keys with a prefix: behind the key `after`, or behind the page that returned `token`.

        A server that knows only version 1 of the request returns no token, or begins again whatever token it gets.
        """
        query = {"list-type": "2", "encoding-type": "url", "max-keys": str(most), "prefix": prefix}
        query["delimiter"] = delimiter
        if token is not None:
            query["continuation-token"] = token
        elif after:
            query["start-after"] = after
        answer = self._send("GET", query_params=query)
        try:
            found, more, next_token, _ = parse_list_objects(answer)
        except (ParseError, ValueError) as error:
            raise self._failed(error) from error
        if more and (b"NextContinuationToken>" not in answer.data or next_token == token):
            text = f"the S3 server {self._endpoint} cannot continue a listing: it does not support ListObjectsV2"
            raise S3Failed("error", text)
        objects = [
            Object(each.object_name or "", each.size or 0, int(each.last_modified.timestamp()), each.etag or "")
            for each in found
            if each.last_modified is not None
        ]
        prefixes = [each.object_name or "" for each in found if each.last_modified is None]
        return Page(objects, prefixes, next_token if more else None)

    def head(self, key: str) -> Object:
        """Request the current state of an object."""
        headers = self._send("HEAD", key).headers
        try:
            modified = from_http_header(headers["Last-Modified"])
            return Object(key, int(headers["Content-Length"]), int(modified.timestamp()), headers["ETag"].strip('"'))
        except (KeyError, ValueError) as error:
            raise self._failed(error) from error

    def read(self, key: str, etag: str, offset: int, length: int) -> tuple[bytes, Mapping[str, str]]:
        """Read `length` bytes (at least one) of the object that has this ETag; returns them and the headers."""
        headers = {"If-Match": f'"{etag}"', "Range": f"bytes={offset}-{offset + length - 1}"}
        attempt = 1
        while True:
            answer = self._send("GET", key, headers=headers, preload_content=False)
            if answer.status != http.HTTPStatus.PARTIAL_CONTENT and answer.headers.get("Content-Length") != str(length):
                answer.close()
                text = f"the S3 server {self._endpoint}, or a proxy, returns the whole object instead of a part of it"
                raise S3Failed("error", text)
            try:
                data = answer.read(decode_content=False)  # the stored bytes, even if the object has a Content-Encoding
            except urllib3.exceptions.HTTPError as error:
                answer.close()
                if attempt == _READS:
                    raise self._failed(error) from error
                attempt += 1
            else:
                answer.release_conn()
                return data, answer.headers

    def _send(self, method: str, key: str | None = None, **more: Any) -> Any:
        """Send a request and return the answer. Raises S3Failed."""
        try:
            return self._minio._execute(method, self._bucket, key, **more)
        except S3Error as error:
            raise S3Failed(error.code or "error", f"{error.code}: {error.message}", error.response.status) from error
        except (ServerError, InvalidResponseError, ParseError, urllib3.exceptions.HTTPError, ValueError) as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> S3Failed:
        text = f"the S3 server {self._endpoint} does not answer as it should: {_why(error)}"
        return S3Failed(UNREACHABLE, text, _status(error))


def _status(error: Exception) -> int | None:
    """The HTTP status of an answer that is not one of S3."""
    if isinstance(error, InvalidResponseError):
        return error._code
    return error.status_code if isinstance(error, ServerError) else None


def _why(error: Exception) -> str:
    """The cause in a few words."""
    if isinstance(error, (InvalidResponseError, ParseError)):
        return "no S3 answer"
    if isinstance(error, KeyError):
        return f"it does not return the {error.args[0]} of an object"
    return reason(error)
