"""Checksums in the forms of the catalog."""

from __future__ import annotations

import pytest

from consumer.irods.checksums import of_content, same, scheme_of
from scanner.content import Content, FileChanged


class Bytes(Content):
    """Content in memory, which counts what is fed."""

    def __init__(self, data: bytes, *, changed: bool = False) -> None:
        self.size = len(data)
        self.fed = b""
        self._data = data
        self._changed = changed

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def feed(self, data: bytes) -> None:
        self.fed += data

    def check(self) -> None:
        if self._changed:
            raise FileChanged("the file changed while it was read")

    def close(self) -> None: ...


@pytest.mark.parametrize(
    "checksum",
    [
        "sha2:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
        "sha1:qvTGHdzF6KLavt4PO0gs2a6pQ00=",
        "sha512:m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==",
        "adler32:062c0215",
        "5d41402abc4b2a76b9719d911017c592",
    ],
)
def test_each_scheme_of_a_real_server(checksum: str) -> None:
    content = Bytes(b"hello")
    assert of_content(content, scheme_of(checksum)) == checksum
    assert content.fed == b"hello"
    assert same(checksum, checksum)
    assert not same(checksum, checksum[:-2])


def test_the_case_of_hexadecimal_digits_does_not_matter_and_that_of_base64_does() -> None:
    assert same("abcd", "ABCD")
    assert not same("sha2:abcd", "sha2:ABCD")


def test_an_unknown_scheme_and_a_changed_file_are_errors() -> None:
    with pytest.raises(ValueError, match="unknown kind blake9"):
        scheme_of("blake9:xyz")
    with pytest.raises(FileChanged):
        of_content(Bytes(b"hello", changed=True), "sha2")
