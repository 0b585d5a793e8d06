"""The command as a process: start, stop, restart, and errors at the start."""

import json
import signal
import socket
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from irods.exception import NetworkException
from irods.models import Collection, DataObject
from irods.session import iRODSSession

from tests.support.devzone_process import Zone, command, running_zone

HOME = "/tempZone/home/rods"


def refusal(*options: str, data: Path, status: int = 1) -> str:
    """Start a zone that must exit with an error; returns its error message."""
    done = subprocess.run(command(data, *options), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def names(zone: Zone, collection: str) -> set[str]:
    """The names of the objects in a collection."""
    with zone.session() as session:
        query = session.query(DataObject.name).filter(Collection.name == collection)
        return {row[DataObject.name] for row in query}


def test_environment_file_logs_in(data: Path) -> None:
    """The environment file in the ready line is enough to log in. Only its owner can read it."""
    with running_zone(data) as zone:
        with iRODSSession(irods_env_file=str(zone.environment)) as session:
            assert session.collections.exists(HOME)
            assert session.default_resource == "demoResc"
        password = Path(json.loads(zone.environment.read_text())["irods_authentication_file"])
        assert stat.S_IMODE(password.stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_cleanly(data: Path, number: int) -> None:
    """SIGTERM and SIGINT stop the zone with exit status 0, also while a client is connected."""
    with running_zone(data) as zone, zone.session() as session:
        assert session.collections.exists(HOME)
        zone.process.send_signal(number)
        assert zone.process.wait(20) == 0
        session.pool.get_connection().release(destroy=True)


def test_restart_keeps_everything(data: Path) -> None:
    """After a restart, collections, objects, their bytes and users are unchanged."""
    with running_zone(data) as zone:
        with zone.session() as session:
            session.collections.create(f"{HOME}/kept")
            with session.data_objects.open(f"{HOME}/kept/x", "w") as out:
                out.write(b"bytes")
            session.users.create("bob", "rodsuser")
        assert zone.stop() == 0
    with running_zone(data) as zone, zone.session() as session:
        with session.data_objects.open(f"{HOME}/kept/x", "r") as source:
            assert source.read() == b"bytes"
        assert session.users.get("bob").type == "rodsuser"


def test_kill_loses_nothing_acknowledged(data: Path) -> None:
    """After a kill and a restart, every acknowledged registration exists."""
    acknowledged: list[str] = []
    enough = threading.Event()

    def work(zone: Zone) -> None:
        with zone.session() as session:
            session.collections.create(f"{HOME}/k")
            for number in range(100_000):
                try:
                    session.data_objects.register("/none", f"{HOME}/k/f{number}", dataSize="1")
                except NetworkException:
                    return
                acknowledged.append(f"f{number}")
                if number == 200:
                    enough.set()

    with running_zone(data) as zone:
        client = threading.Thread(target=work, args=(zone,))
        client.start()
        assert enough.wait(60)
        zone.kill()
        client.join(60)
        assert not client.is_alive()
    with running_zone(data) as zone:
        found = names(zone, f"{HOME}/k")
    assert set(acknowledged) <= found
    assert len(found) <= len(acknowledged) + 1


def test_object_being_written_is_stale_after_kill(data: Path) -> None:
    """A replica that was open for writing when the zone was killed is stale afterwards, and can be written."""
    with running_zone(data) as zone, zone.session() as session:
        handle = session.data_objects.open(f"{HOME}/x", "w")
        handle.raw.write(b"half")
        zone.kill()
        with pytest.raises(NetworkException):
            handle.close()
        handle.raw.close = lambda: None
    with running_zone(data) as zone, zone.session() as session:
        assert session.data_objects.get(f"{HOME}/x").replicas[0].status == "0"
        with session.data_objects.open(f"{HOME}/x", "w") as out:
            out.write(b"whole")
        assert session.data_objects.get(f"{HOME}/x").replicas[0].status == "1"


def test_second_zone_on_a_folder_is_refused(data: Path) -> None:
    """Only one running zone can use a data folder."""
    with running_zone(data):
        assert refusal("--port", "0", data=data).count("\n") == 1


def test_port_in_use_is_refused(data: Path) -> None:
    """If the port is in use, the zone prints one line and exits with status 1."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        message = refusal("--port", str(other.getsockname()[1]), data=data)
    assert message.count("\n") == 1
    assert "Cannot listen" in message


def test_unusable_data_folder_is_refused(tmp_path: Path) -> None:
    """If the data folder is a file, the zone prints one line and exits with status 1."""
    (tmp_path / "file").write_text("")
    assert refusal("--port", "0", data=tmp_path / "file").count("\n") == 1


def test_foreign_catalog_is_refused(data: Path) -> None:
    """If the catalog is no database, the zone prints one line and exits with status 1."""
    data.mkdir()
    (data / "catalog.sqlite").write_bytes(b"this is no database" * 1000)
    assert refusal("--port", "0", data=data).count("\n") == 1


def test_unwritable_environment_is_refused(data: Path, tmp_path: Path) -> None:
    """If the folder of the environment file is missing, the zone prints one line and exits with status 1."""
    message = refusal("--port", "0", "--environment", str(tmp_path / "no" / "env.json"), data=data)
    assert message.count("\n") == 1
    assert "environment" in message


def test_unwritable_data_folder_is_refused() -> None:
    """If not even root can create the data folder, the zone prints one line and exits with status 1."""
    assert refusal("--port", "0", data=Path("/proc/no-folder-here")).count("\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org", "192.0.2.7"])
def test_other_hosts_than_loopback_are_refused(data: Path, host: str) -> None:
    """Without --allow-remote the zone refuses an address that other machines can reach."""
    assert "--allow-remote" in refusal("--host", host, "--port", "0", data=data)


def test_host_that_is_not_here_is_refused(data: Path) -> None:
    """If this machine does not have the address, the zone prints one line and exits with status 1."""
    message = refusal("--allow-remote", "--host", "192.0.2.7", "--port", "0", data=data)
    assert message.count("\n") == 1


@pytest.mark.parametrize("options", [("--port", "x"), ("--port", "70000"), ("--latency", "some"), ("--unknown",)])
def test_usage_errors_have_status_two(data: Path, options: tuple[str, ...]) -> None:
    """Invalid options are a usage error."""
    refusal(*options, data=data, status=2)


def test_help_warns() -> None:
    """The help warns that the zone is not for data that matters."""
    done = subprocess.run([*command(Path("/none"), "--help")], capture_output=True, text=True, timeout=30, check=True)
    assert "NOT FOR DATA THAT MATTERS" in done.stdout


def test_latency_delays_calls(data: Path) -> None:
    """With --latency real, a registration takes at least its measured time."""
    import time

    with running_zone(data, latency="real") as zone, zone.session() as session:
        session.data_objects.register("/none", f"{HOME}/first", dataSize="1")
        start = time.monotonic()
        session.data_objects.register("/none", f"{HOME}/second", dataSize="1")
        assert time.monotonic() - start >= 0.0127
