"""The three requests that an S3 source needs, and one kind of error for all that can go wrong with them.

Paging and ranges pinned to an ETag need `Minio._execute`, which signs and sends any request: the public methods of
minio-py 7.2 hide the pages of a listing, and merge nothing.
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
"""How often a range is asked for when its transfer breaks off."""
UNREACHABLE = "unreachable"
"""The code of what is no answer of the server."""
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "InvalidObjectState"})
_BUSY = frozenset({429, 503})
"""The HTTP status of SlowDown, ServiceUnavailable and what else stands for them."""


class S3Failed(Exception):  # noqa: N818 - it reads as what happened
    """A request was not answered as it should: S3's code for it, a sentence, and the HTTP status if there was one."""

    def __init__(self, code: str, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.busy = status in _BUSY and code != "SlowDownRead"  # which MinIO says of an object that it cannot read
        """The server wants fewer requests: that tells nothing about an object."""

    @property
    def gone(self) -> bool:
        """Whether there is no such object, or no such bucket: the answer to a HEAD does not tell."""
        return self.code == "NoSuchKey"

    @property
    def denied(self) -> bool:
        """Whether somebody wants it so."""
        return self.code in _DENIED


class Object(NamedTuple):
    """An object: its key, size in bytes, seconds since the epoch when it was last modified, and ETag."""

    key: str
    size: int
    seconds: int
    etag: str


class Page(NamedTuple):
    """A part of a listing in order of UTF-8 bytes; with `token` there is more."""

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
        """One page of the keys with a prefix: behind the key `after`, or where the page that gave `token` ended.

        A server that knows only the first version of the request gives no token, or begins again whatever it is sent.
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
            text = f"the S3 server {self._endpoint} does not tell how a listing goes on: it does not know ListObjectsV2"
            raise S3Failed("error", text)
        objects = [
            Object(each.object_name or "", each.size or 0, int(each.last_modified.timestamp()), each.etag or "")
            for each in found
            if each.last_modified is not None
        ]
        prefixes = [each.object_name or "" for each in found if each.last_modified is None]
        return Page(objects, prefixes, next_token if more else None)

    def head(self, key: str) -> Object:
        """An object as it is now."""
        headers = self._send("HEAD", key).headers
        try:
            modified = from_http_header(headers["Last-Modified"])
            return Object(key, int(headers["Content-Length"]), int(modified.timestamp()), headers["ETag"].strip('"'))
        except (KeyError, ValueError) as error:
            raise self._failed(error) from error

    def read(self, key: str, etag: str, offset: int, length: int) -> tuple[bytes, Mapping[str, str]]:
        """So many bytes (at least one) of the object that has this ETag, and the headers of the answer."""
        headers = {"If-Match": f'"{etag}"', "Range": f"bytes={offset}-{offset + length - 1}"}
        attempt = 1
        while True:
            answer = self._send("GET", key, headers=headers, preload_content=False)
            if answer.status != http.HTTPStatus.PARTIAL_CONTENT and answer.headers.get("Content-Length") != str(length):
                answer.close()
                text = f"the S3 server {self._endpoint}, or a proxy, sends the whole object instead of a part of it"
                raise S3Failed("error", text)
            try:
                data = answer.read(
                    decode_content=False
                )  # an object may say that it is compressed, and yet is what it is
            except urllib3.exceptions.HTTPError as error:
                answer.close()
                if attempt == _READS:
                    raise self._failed(error) from error
                attempt += 1
            else:
                answer.release_conn()
                return data, answer.headers

    def _send(self, method: str, key: str | None = None, **more: Any) -> Any:
        """The whole answer. Raises S3Failed."""
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
    """The HTTP status of an answer that was none of S3."""
    if isinstance(error, InvalidResponseError):
        return error._code
    return error.status_code if isinstance(error, ServerError) else None


def _why(error: Exception) -> str:
    """In a few words."""
    if isinstance(error, (InvalidResponseError, ParseError)):
        return "no S3 answer"
    if isinstance(error, KeyError):
        return f"it does not tell the {error.args[0]} of an object"
    return reason(error)
