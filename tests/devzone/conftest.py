"""Fixtures: a zone that independent tests share, and data folders for tests that start their own zone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.support.devzone_process import Zone, running_zone


@pytest.fixture(scope="session")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zone]:
    """A zone that tests share. They must not stop it."""
    with running_zone(tmp_path_factory.mktemp("zone")) as running:
        yield running


@pytest.fixture
def session(zone: Zone) -> Iterator[iRODSSession]:
    """A session as the administrator."""
    with zone.session() as opened:
        yield opened


@pytest.fixture
def home(session: iRODSSession, request: pytest.FixtureRequest) -> str:
    """A collection that only this test uses."""
    path = f"/tempZone/home/rods/{request.node.name.replace('/', '_')}"
    session.collections.create(path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder for a zone that only this test uses."""
    return tmp_path / "data"
