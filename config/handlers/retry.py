"""Retry failed files after a delay that doubles each time, with some random variation.

This is not needed for an outage of the zone: consumers wait until the zone is reachable, and count no failures.
"""

import random

from ingest import Core

RETRIES = 5
FIRST_DELAY = 2.0
MAX_DELAY = 300.0
"""Delays are in seconds."""


class event_handler(Core):  # noqa: N801 - handlers must have this name
    @staticmethod
    def max_retries(hdlr_mod, logger, meta):
        return RETRIES

    @staticmethod
    def delay(hdlr_mod, logger, meta, retries):
        doubled = min(FIRST_DELAY * 2 ** (retries - 1), MAX_DELAY)
        return doubled * random.uniform(0.75, 1.25)  # noqa: S311 - so that not all are retried at the same time

    @staticmethod
    def timeout(hdlr_mod, logger, meta):
        return 3600
