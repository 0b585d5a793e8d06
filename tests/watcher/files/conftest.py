from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from tests.support.scanning import NOBODY


@pytest.fixture
def open_root() -> Iterator[bytes]:
    """An empty directory of an account without rights, which `tmp_path` cannot be; for tests run as that account."""
    folder = os.path.realpath(tempfile.mkdtemp()).encode()
    os.chmod(folder, 0o755)
    root = os.path.join(folder, b"root")
    os.mkdir(root)
    if os.geteuid() == 0:
        os.chown(root, NOBODY, NOBODY)
    yield root
    shutil.rmtree(folder)
