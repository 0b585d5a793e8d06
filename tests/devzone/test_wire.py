"""Reading and writing the bodies and tables of the protocol."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from irods.message import FileOpenRequest, GenQueryResponse, StringStringMap, iRODSMessage

from devzone.errors import SYS_PACK_INSTRUCT_FORMAT_ERR, USER_PACKSTRUCT_INPUT_ERR, IrodsError
from devzone.query.tables import columns_of, table_body
from devzone.wire import element, pack_message, parse, read_message

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
XML_TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn", "Co", "Cc"]), max_size=40)


def request(**keywords: str) -> bytes:
    """A body that python-irodsclient writes."""
    message = FileOpenRequest(
        objPath="/z/x", createMode=0, openFlags=0, offset=0, dataSize=-1, numThreads=0, oprType=0,
        KeyValPair_PI=StringStringMap(keywords),
    )  # fmt: skip
    body: bytes = message.pack().encode()
    return body


@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\Z"), TEXTS, max_size=5))
def test_reads_keywords_of_the_client(keywords: dict[str, str]) -> None:
    """Every text that python-irodsclient packs, including control characters, is read back unchanged."""
    assert parse(request(**keywords)).keywords() == keywords


@given(TEXTS)
def test_element_is_read_as_written(text: str) -> None:
    """The server can read what it writes."""
    assert parse(element("A", {"b": text}).encode()).text("b") == text


@given(st.lists(st.tuples(XML_TEXTS, XML_TEXTS), min_size=1, max_size=5))
def test_client_reads_tables(rows: list[tuple[str, str]]) -> None:
    """python-irodsclient reads a table's rows back unchanged, except that an empty text becomes None."""
    packed = pack_message("RODS_API_REPLY", table_body([401, 403], rows, 7, 9))
    message = read_message(io.BytesIO(packed))
    assert message is not None
    table = iRODSMessage(msg=message.body).get_main_message(GenQueryResponse)
    assert (table.rowCnt, table.attriCnt, table.continueInx, table.totalRowCount) == (len(rows), 2, 7, 9)
    columns = [column.value for column in table.SqlResult_PI]
    assert columns == [[row[0] or None for row in rows], [row[1] or None for row in rows]]


@pytest.mark.parametrize("body", [b"<A><b>x</b>", b"</A>", b"<A></A></A>"])
def test_broken_bodies_are_refused(body: bytes) -> None:
    """Elements that are not closed, or closed twice, are a format error."""
    with pytest.raises(IrodsError) as caught:
        parse(body)
    assert caught.value.code == SYS_PACK_INSTRUCT_FORMAT_ERR


def test_bytes_that_are_no_text_are_refused() -> None:
    """A body that is not UTF-8 is an input error."""
    with pytest.raises(IrodsError) as caught:
        parse(b"<A><b>\xff</b></A>")
    assert caught.value.code == USER_PACKSTRUCT_INPUT_ERR


@pytest.mark.parametrize(("text", "fits"), [("a" * 1087, True), ("a" * 1088, False), ("\u00fc" * 544, False)])
def test_paths_are_limited_in_bytes(text: str, fits: bool) -> None:
    """A path may have at most 1,087 bytes."""
    node = parse(element("A", {"objPath": text}).encode())
    if fits:
        assert node.path("objPath") == text
    else:
        with pytest.raises(IrodsError):
            node.path("objPath")


@pytest.mark.parametrize("stream", [b"", b"\0\0", b"\0\0\0\x05ab", b"\x7f\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n"])
def test_other_protocols_end_the_connection(stream: bytes) -> None:
    """Bytes that are not a message are treated as the end of the connection."""
    assert read_message(io.BytesIO(stream)) is None


def test_tables_of_clients_need_all_columns() -> None:
    """A table from a client that is not padded to 50 columns is a format error."""
    with pytest.raises(IrodsError) as caught:
        columns_of(parse(table_body([403], [("a",)], 0, 0).encode()))
    assert caught.value.code == SYS_PACK_INSTRUCT_FORMAT_ERR
