"""Each message that the page on troubleshooting quotes is in the code."""

from __future__ import annotations

import re

import pytest

from tests.docs.texts import PACKAGES, texts
from tests.support.services import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
QUOTED = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def messages() -> str:
    """All texts of the code, one per line."""
    return "\n".join(each.text for package in PACKAGES for each in texts(package))


@pytest.mark.parametrize("quoted", QUOTED)
def test_a_message_exists(quoted: str, messages: str) -> None:
    assert quoted in messages


def test_the_messages_are_found() -> None:
    assert len(QUOTED) > 40
