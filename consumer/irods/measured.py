"""Measures the calls of python-irodsclient in this process, for `--profile`."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

from irods.api_number import api_number
from irods.connection import Connection

Report = Callable[[str, float, Mapping[str, Any], str | None], None]
"""Takes the name of a call, its start by the performance counter, the fields of its request, and its error if any."""

_API_NAMES = {number: name.removesuffix("_AN").removesuffix("_APN") for name, number in api_number.items()}
_SINCE = "_profiled_since"


def measure_calls(report: Report) -> None:
    """Report every call from here on, in the whole process.

    A call lasts from `Connection.send` to the end of the `Connection.recv` that follows.
    """
    send, recv = Connection.send, Connection.recv

    @functools.wraps(send)
    def measured_send(connection: Any, message: Any) -> None:
        fields = getattr(message.msg, "_values", {})
        setattr(connection, _SINCE, (time.perf_counter(), message.msg_type, message.int_info, fields))
        send(connection, message)

    @functools.wraps(recv)
    def measured_recv(connection: Any, *args: Any, **options: Any) -> Any:
        error = None
        try:
            return recv(connection, *args, **options)
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            sent = connection.__dict__.pop(_SINCE, None)
            if sent is not None:
                start, kind, number, fields = sent
                name = _API_NAMES.get(number, str(number)) if kind == "RODS_API_REQ" else str(kind)
                report(name, start, fields, error)

    Connection.send, Connection.recv = measured_send, measured_recv
