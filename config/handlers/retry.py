"""Retries with back-off: what fails is tried again, after a delay that doubles each time and varies a little.

An outage of the whole zone needs no handler: it is waited for, and counts as no failure.
"""

import random

from ingest import Core

RETRIES = 5
FIRST_DELAY = 2.0
LONGEST_DELAY = 300.0
"""Seconds."""


class event_handler(Core):  # noqa: N801 - the name that handlers have
    @staticmethod
    def max_retries(hdlr_mod, logger, meta):
        return RETRIES

    @staticmethod
    def delay(hdlr_mod, logger, meta, retries):
        doubled = min(FIRST_DELAY * 2 ** (retries - 1), LONGEST_DELAY)
        return doubled * random.uniform(0.75, 1.25)  # noqa: S311 - so that not all come back at once

    @staticmethod
    def timeout(hdlr_mod, logger, meta):
        return 3600
