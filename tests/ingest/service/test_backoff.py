"""An outage is one warning in the log, and its retries come ever more slowly."""

from __future__ import annotations

from typing import Any

from structlog.testing import CapturingLogger

from ingest.service.backoff import Backoff, Waits


def test_an_outage_is_a_warning_when_it_begins_and_when_it_ends_and_no_try_between_is_one() -> None:
    log: Any = CapturingLogger()
    outage = Backoff(log, Waits(0.5, 3.0))
    outage.succeeded()
    assert not log.calls
    assert [outage.failed(f"try {number}") for number in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert outage.reason == "try 0"
    outage.succeeded()
    assert [call.method_name for call in log.calls] == ["warning", *4 * ["info"], "warning"]
    assert (outage.reason, outage.failed("again")) == ("", 0.5)
