from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture
def root() -> Iterator[bytes]:
    """An empty source that every user can reach, which pytest's `tmp_path` is not."""
    folder = os.path.realpath(tempfile.mkdtemp()).encode()
    os.chmod(folder, 0o755)
    source = os.path.join(folder, b"source")
    os.mkdir(source)
    yield source
    shutil.rmtree(folder)
