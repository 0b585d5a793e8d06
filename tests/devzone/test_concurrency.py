"""Concurrent clients: no update is lost, and of conflicting calls exactly one succeeds."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from irods.exception import CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME, iRODSException
from irods.meta import iRODSMeta
from irods.models import Collection, DataObject
from irods.session import iRODSSession

from tests.support.devzone_process import Zone

PROCESSES, EACH = 4, 60


def in_processes(target: Callable[..., None], zone: Zone, home: str) -> list[int]:
    """Run a function in several processes; returns the values that they put into the queue."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    arguments = (zone.host, zone.port, home, answers)
    running = [context.Process(target=target, args=(*arguments, number)) for number in range(PROCESSES)]
    for process in running:
        process.start()
    found = [answers.get(timeout=60) for _ in running]
    for process in running:
        process.join(60)
        assert process.exitcode == 0
    return found


def client(host: str, port: int) -> iRODSSession:
    return iRODSSession(host=host, port=port, user="rods", password="rods", zone="tempZone")


def register_own(host: str, port: int, home: str, answers: "multiprocessing.Queue[int]", number: int) -> None:
    with client(host, port) as session:
        for item in range(EACH):
            session.data_objects.register("/none", f"{home}/{number}_{item}", dataSize="1")
    answers.put(EACH)


def register_same(host: str, port: int, home: str, answers: "multiprocessing.Queue[int]", number: int) -> None:
    made = 0
    with client(host, port) as session:
        for item in range(EACH):
            try:
                session.data_objects.register(f"/none{number}", f"{home}/{item}", dataSize="1")
                made += 1
            except CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME:
                pass
    answers.put(made)


def add_metadata(host: str, port: int, home: str, answers: "multiprocessing.Queue[int]", number: int) -> None:
    with client(host, port) as session:
        for item in range(EACH):
            session.metadata.add(Collection, home, iRODSMeta("k", f"{number}_{item}"))
    answers.put(EACH)


def overwrite_same(host: str, port: int, home: str, answers: "multiprocessing.Queue[int]", number: int) -> None:
    written = 0
    with client(host, port) as session:
        for _ in range(EACH):
            try:
                with session.data_objects.open(f"{home}/x", "w") as out:
                    out.write(bytes([number + 65]) * (number + 1) * 1000)
                written += 1
            except iRODSException:
                pass
    answers.put(written)


def count(session: iRODSSession, home: str) -> int:
    return len(list(session.query(DataObject.name).filter(Collection.name == home)))


def test_registrations_of_several_processes_all_stay(zone: Zone, session: iRODSSession, home: str) -> None:
    """If several processes register objects in one collection, all objects exist afterwards."""
    in_processes(register_own, zone, home)
    assert count(session, home) == PROCESSES * EACH


def test_one_registration_of_a_path_wins(zone: Zone, session: iRODSSession, home: str) -> None:
    """Of several concurrent registrations of one path, exactly one succeeds."""
    assert sum(in_processes(register_same, zone, home)) == EACH
    assert count(session, home) == EACH


def test_metadata_of_several_processes_all_stays(zone: Zone, session: iRODSSession, home: str) -> None:
    """If several processes add AVUs to one collection, all AVUs exist afterwards."""
    in_processes(add_metadata, zone, home)
    assert len(session.metadata.get(Collection, home)) == PROCESSES * EACH


def test_writers_of_one_object_exclude_each_other(zone: Zone, session: iRODSSession, home: str) -> None:
    """Each concurrent writer of one object succeeds or gets "locked". The object has the bytes of one writer."""
    assert sum(in_processes(overwrite_same, zone, home)) > 0
    found = session.data_objects.get(f"{home}/x")
    assert [replica.status for replica in found.replicas] == ["1"]
    with session.data_objects.open(f"{home}/x", "r") as source:
        content = source.read()
    assert len(content) == found.size
    assert content == content[:1] * ((content[0] - 64) * 1000)


def test_threads_share_a_session(zone: Zone, session: iRODSSession, home: str) -> None:
    """Threads with their own sessions register objects, and all objects exist afterwards."""

    def work(number: int) -> None:
        with zone.session() as own:
            for item in range(20):
                own.data_objects.register("/none", f"{home}/{number}_{item}", dataSize="1")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert count(session, home) == 160


def test_writing_between_the_pages_of_a_query(zone: Zone, session: iRODSSession, home: str) -> None:
    """Between two pages of a query, a client can write and then read what it wrote."""
    for item in range(6):
        session.data_objects.register("/none", f"{home}/f{item}", dataSize="1")
    pages = session.query(DataObject.name).filter(Collection.name == home).limit(2).get_batches()
    seen = [row[DataObject.name] for row in next(pages)]
    with zone.session() as other:
        other.data_objects.register("/none", f"{home}/other", dataSize="1")
    session.data_objects.register("/none", f"{home}/own", dataSize="1")
    assert session.data_objects.exists(f"{home}/own")
    for page in pages:
        seen += [row[DataObject.name] for row in page]
    assert sorted(seen) == [f"f{item}" for item in range(6)]
