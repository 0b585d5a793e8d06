"""With a key, what was not signed with it is refused in a sentence; without one, everything is accepted."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from ingest.errors import Refused
from ingest.handlers import signing

SOURCE = b"class event_handler: pass\n"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(signing.VARIABLE, raising=False)


def test_a_signature_is_an_hmac_sha256_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(signing.VARIABLE, "key")
    assert signing.sign(SOURCE) == hmac.new(b"key", SOURCE, hashlib.sha256).hexdigest()


def test_without_a_key_nothing_is_signed_and_everything_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert signing.sign(SOURCE) is None
    monkeypatch.setenv(signing.VARIABLE, "")
    assert signing.sign(SOURCE) is None
    signing.check(SOURCE, None)
    signing.check(SOURCE, "of somebody else")


def test_with_a_key_only_what_was_signed_with_it_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(signing.VARIABLE, "other key")
    by_other = signing.sign(SOURCE)
    monkeypatch.setenv(signing.VARIABLE, "key")
    signature = signing.sign(SOURCE)
    signing.check(SOURCE, signature)
    with pytest.raises(Refused, match=r"^the event handler is not signed[^\n]*$"):
        signing.check(SOURCE, None)
    for source, wrong in ((SOURCE, by_other), (SOURCE + b"\n", signature), (SOURCE, ""), (SOURCE, "0" * 64)):
        with pytest.raises(Refused, match=r"^the signature of the event handler was not made[^\n]*$"):
            signing.check(source, wrong)
