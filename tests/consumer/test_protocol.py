"""What a worker reports arrives, whatever text a handler or an exception has put into it."""

from __future__ import annotations

import pytest

from consumer.protocol import Finished, Outcome, Part, PathDone, Report, Result, Unavailable, pack, unpack
from ingest.job import Problem
from ingest.messages import Fingerprint
from ingest.store import Cached

BAD, GOOD = "caf\udce9 \ud800", "caf\\udce9 \\ud800"


def report(text: str, reason: str) -> list[Report]:
    failed = Outcome(Result.FAILED, reason=reason, error=text, cached=[Cached(b"\xff", b"n", Fingerprint(1, 0))])
    problem = Problem(path=b"\xe9", target=text, skipped=False, reason=reason)
    return [
        PathDone(text, failed),
        Finished(Part(problems=[problem], solved=[b"\xff"]), failed, text),
        Unavailable(reason, account=True),
    ]


@pytest.mark.parametrize("number", range(3))
def test_text_that_is_not_utf_8_is_escaped_and_all_else_is_the_same(number: int) -> None:
    assert unpack(pack(report(BAD, BAD)[number])) == unpack(pack(report(GOOD, GOOD)[number]))


@pytest.mark.parametrize("number", range(3))
def test_text_that_is_utf_8_stays_as_it_is(number: int) -> None:
    received = repr(unpack(pack(report("café 🐈", "café 🐈")[number])))
    assert "'café 🐈'" in received
