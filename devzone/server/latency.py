"""Delays that make calls take as long as on a small real server.

A delay has two parts: time on one of two shared processors, and waiting. The processor part grows with the number of
calls that queue for a processor, as measured with eight clients.
"""

import threading
import time
from collections.abc import Callable

from irods.api_number import api_number

from devzone.session import Reply
from devzone.wire import Message

PROCESSORS = 2
CROWD = 2  # this many queued calls do not lengthen the processor part
CROWDED = 0.07  # each further queued call lengthens it by this share

# Milliseconds (processor, waiting) by API name. Measured in ms on iRODS 5.0.2 with PostgreSQL on two shared cores:
# login 90, existence query 7, page of 500 rows 20, registration 13 (75/255/206 per s with 1/4/8 clients), put 45
# (22/47/42 per s), bulk registration of 50 files 202 (247/784/648 files per s), collection creation 13, unlink 20,
# metadata 10. The other values are estimates in proportion to these.
DELAYS = {
    "AUTHENTICATION_APN": (30.0, 15.0),  # a login takes two of these
    "AUTH_REQUEST_AN": (30.0, 15.0),
    "AUTH_RESPONSE_AN": (30.0, 15.0),
    "GEN_QUERY_AN": (4.0, 2.5),
    "GENQUERY2_AN": (4.0, 2.5),
    "OBJ_STAT_AN": (4.0, 2.5),
    "PHY_PATH_REG_AN": (7.7, 5.0),
    "MOD_DATA_OBJ_META_AN": (7.7, 5.0),
    "BULK_DATA_OBJ_REG_AN": (127.0, 75.0),
    "COLL_CREATE_AN": (7.7, 5.0),
    "RM_COLL_AN": (13.0, 7.0),
    "MOD_AVU_METADATA_AN": (6.0, 4.0),
    "ATOMIC_APPLY_METADATA_OPERATIONS_APN": (7.0, 5.0),
    "MOD_ACCESS_CONTROL_AN": (6.0, 4.0),
    "DATA_OBJ_PUT_AN": (42.0, 2.5),
    "DATA_OBJ_CREATE_AN": (21.0, 1.0),
    "DATA_OBJ_OPEN_AN": (20.0, 1.0),
    "DATA_OBJ_WRITE_AN": (3.0, 0.5),
    "DATA_OBJ_READ_AN": (1.0, 0.5),
    "DATA_OBJ_CLOSE_AN": (19.0, 1.0),
    "DATA_OBJ_UNLINK_AN": (13.0, 7.0),
    "DATA_OBJ_TRIM_AN": (13.0, 7.0),
    "DATA_OBJ_RENAME_AN": (13.0, 7.0),
    "DATA_OBJ_CHKSUM_AN": (10.0, 5.0),
    "DATA_OBJ_REPL_AN": (42.0, 10.0),
    "DATA_OBJ_COPY_AN": (42.0, 10.0),
    "GET_RESOURCE_INFO_FOR_OPERATION_AN": (4.0, 2.5),
    "TOUCH_APN": (7.7, 5.0),
    "BULK_DATA_OBJ_PUT_AN": (400.0, 50.0),
    "GENERAL_ADMIN_AN": (8.0, 5.0),
}
_BY_NUMBER = {api_number[name]: (busy / 1000, idle / 1000) for name, (busy, idle) in DELAYS.items()}
REPLY_KILOBYTE = 0.0003  # processor seconds per kilobyte of the answer: a page of 500 rows takes 20 ms
# Number of values in a bulk request of 50 rows. The delays above are for 50 rows.
_BULK_VALUES = {api_number["BULK_DATA_OBJ_REG_AN"]: 500, api_number["BULK_DATA_OBJ_PUT_AN"]: 150}


class Latency:
    """Delays every call if ``real`` is true; otherwise it does nothing."""

    def __init__(self, real: bool) -> None:
        self._real = real
        self._slots = threading.Semaphore(PROCESSORS)
        self._waiting = 0

    def delayed(self, message: Message, answer: Callable[[], Reply]) -> Reply:
        """Run a call, and take as long as a real server does."""
        if not self._real or message.info not in _BY_NUMBER:
            return answer()
        busy, idle = _BY_NUMBER[message.info]
        if message.info in _BULK_VALUES:
            share = message.body.count(b"<value>") / _BULK_VALUES[message.info]
            busy, idle = busy * share, idle * share
        self._waiting += 1
        with self._slots:
            self._waiting -= 1
            start = time.monotonic()
            reply = answer()
            busy += len(reply.body) / 1024 * REPLY_KILOBYTE
            busy *= 1 + CROWDED * max(0, self._waiting - CROWD)
            time.sleep(max(0.0, start + busy - time.monotonic()))
        time.sleep(idle)
        return reply
