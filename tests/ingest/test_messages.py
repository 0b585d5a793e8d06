"""Messages are decoded as they were encoded, and other data is refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.messages import (
    VERSION,
    Change,
    ClosePass,
    Fingerprint,
    ListPath,
    Message,
    OpenPass,
    Replica,
    Restart,
    SyncFiles,
    again,
    decode,
    encode,
    path_from_wire,
    path_to_wire,
)

paths = st.binary(max_size=60).map(lambda data: data.replace(b"\0", b"\xff"))
integers = st.integers(-(2**63), 2**63 - 1)
texts = st.text(max_size=20).filter(lambda text: not any("\ud800" <= each <= "\udfff" for each in text))
replicas = st.builds(Replica, st.integers(0, 99), texts, texts, integers, integers, texts, texts)
catalogs = st.one_of(st.lists(replicas, max_size=3), st.sampled_from(["unknown", "collection"]))
changes = st.builds(
    Change,
    paths.map(path_to_wire),
    catalogs,
    st.none() | st.builds(Fingerprint, integers, st.integers(0, 2**32 - 1)),
    st.integers(0, 9),
)
tasks = {"job": texts, "pass_id": texts, "task": texts, "round": st.integers(0, 99)}
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Restart, job=texts, pass_id=texts, reason=texts),
    st.builds(OpenPass, **tasks),
    st.builds(ClosePass, **tasks),
    st.builds(
        ListPath, path=paths.map(path_to_wire), present=st.none() | st.booleans(), attempt=st.integers(0, 9), **tasks
    ),
    st.builds(SyncFiles, changes=st.lists(changes, max_size=3), failed=st.booleans(), **tasks),
)  # fmt: skip
SYNC = SyncFiles(job="j", pass_id="p", task="t", changes=[Change("a"), Change("b", [])])


@given(paths)
def test_any_path_travels_losslessly_as_text_that_any_json_tool_can_hold(path: bytes) -> None:
    wire = path_to_wire(path)
    assert json.loads(json.dumps(wire).encode("ascii")) == wire
    assert path_from_wire(wire) == path


@given(paths.filter(lambda path: path.isascii()))
def test_a_plain_path_is_readable_on_the_wire(path: bytes) -> None:
    assert path_to_wire(path) == path.decode("ascii")


@given(st.text() | st.text().map("\0".__add__) | st.binary().map(lambda data: "\0" + data.hex()))
def test_text_is_a_path_or_a_value_error(text: str) -> None:
    try:
        path = path_from_wire(text)
    except ValueError:
        return
    assert path_to_wire(path) == text


@pytest.mark.parametrize("text", ["\0", "\0YWJj", "\0_w==", "\0/w", "\0/x==", "a\0b", "\0\0", "\ud800", "\0ü"])
def test_text_that_stands_for_no_path_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - binascii and the codecs have their own subclasses
        path_from_wire(text)


@given(messages)
def test_every_message_arrives_as_it_was_sent(message: Message) -> None:
    assert decode(encode(message)) == message


def test_a_message_names_its_type_and_version_only_where_it_must() -> None:
    assert json.loads(encode(SYNC)) == {
        "type": "file", "job": "j", "pass_id": "p", "task": "t",
        "changes": [{"path": "a"}, {"path": "b", "catalog": []}],
    }  # fmt: skip


def test_a_message_without_version_is_of_the_first() -> None:
    assert decode(b'{"type":"restart","job":"j","pass_id":"p","reason":"start"}').v == 1


def test_a_message_of_a_later_version_is_refused_with_both_versions() -> None:
    later = msgspec.structs.replace(SYNC, v=VERSION + 1)
    with pytest.raises(ValueError, match=rf"version {VERSION + 1} is newer than this program \({VERSION}\)"):
        decode(encode(later))


def test_what_a_later_minor_version_adds_is_ignored() -> None:
    extended: dict[str, Any] = json.loads(encode(SYNC)) | {"colour": "blue"}
    assert decode(json.dumps(extended).encode()) == SYNC


@given(st.binary(max_size=200))
def test_garbage_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not a message of this program: "):
        decode(data)


@given(messages, st.data())
def test_a_damaged_message_is_a_message_or_a_value_error(message: Message, data: st.DataObject) -> None:
    damaged = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(damaged))
    except ValueError:
        return


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", '{"type":"file"}', '{"type":"nothing","job":"j"}', "[" * 100_000, '{"a":' * 100_000,
        '{"type":"open","job":"j","pass_id":"p","task":7}', '{"type":"open","job":"j","pass_id":"p"}',
        '{"type":"open","job":"j","pass_id":"p","task":"t","round":1e999}',
        '{"type":"open","job":"j","pass_id":"p","task":"t","v":"1"}',
        '{"type":"file","job":"j","pass_id":"p","task":"t","changes":[{"path":"a","catalog":"maybe"}]}',
    ],
)  # fmt: skip
def test_what_looks_like_a_message_and_is_none_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a message of this program: "):
        decode(text.encode())


def test_the_same_task_again_is_one_round_further_and_otherwise_the_same() -> None:
    assert again(SYNC) == msgspec.structs.replace(SYNC, round=1)
    assert again(again(SYNC)).round == 2
