"""Zones for the tests: one that all read-only and independent tests share, and folders for zones of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.support.devzone_process import Zone, running_zone


@pytest.fixture(scope="session")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zone]:
    """A zone for all tests that do not stop it."""
    with running_zone(tmp_path_factory.mktemp("zone")) as running:
        yield running


@pytest.fixture
def session(zone: Zone) -> Iterator[iRODSSession]:
    """A session of the administrator."""
    with zone.session() as opened:
        yield opened


@pytest.fixture
def home(session: iRODSSession, request: pytest.FixtureRequest) -> str:
    """A collection of the test's own."""
    path = f"/tempZone/home/rods/{request.node.name.replace('/', '_')}"
    session.collections.create(path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder for a zone that the test starts itself."""
    return tmp_path / "data"
