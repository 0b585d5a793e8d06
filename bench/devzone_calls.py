"""Measure the calls per second of a development zone.

Usage: python -m bench.devzone_calls [--latency real] [--seconds 3] [--clients 1 4]
"""

# ruff: noqa: ARG001 - all measures have the same signature
import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from irods.api_number import api_number
from irods.message import FileOpenRequest, StringStringMap, iRODSMessage
from irods.models import Collection, DataObject
from irods.session import iRODSSession

from tests.support.devzone_process import Zone, running_zone

HOME = "/tempZone/home/rods"
LISTED = 500
Call = Callable[[int], object]


def login(zone: Zone, session: iRODSSession, name: str) -> Call:
    def run(_: int) -> None:
        with zone.session() as other:
            other.pool.get_connection().release()

    return run


def existence(zone: Zone, session: iRODSSession, name: str) -> Call:
    return lambda _: session.collections.exists(HOME)


def registration(zone: Zone, session: iRODSSession, name: str) -> Call:
    session.collections.create(f"{HOME}/{name}")
    return lambda number: session.data_objects.register(
        "/no/such/file", f"{HOME}/{name}/r{number}", dataSize="5", dataModify="01600000000"
    )


def small_put(zone: Zone, session: iRODSSession, name: str) -> Call:
    session.collections.create(f"{HOME}/{name}")

    def run(number: int) -> None:
        keywords = {"dataType": "generic", "dataIncluded": ""}
        message = FileOpenRequest(
            objPath=f"{HOME}/{name}/p{number}", createMode=0o644, openFlags=0, offset=0, dataSize=1000, numThreads=-1,
            oprType=1, KeyValPair_PI=StringStringMap(keywords),
        )  # fmt: skip
        with session.pool.get_connection() as connection:
            number = api_number["DATA_OBJ_PUT_AN"]
            connection.send(iRODSMessage("RODS_API_REQ", msg=message, bs=b"x" * 1000, int_info=number))
            connection.recv()

    return run


def listing(zone: Zone, session: iRODSSession, name: str) -> Call:
    query = session.query(DataObject.name, DataObject.size, DataObject.modify_time).filter(
        Collection.name == f"{HOME}/listed"
    )
    return lambda _: len(query.all())


MEASURES = (login, existence, registration, small_put, listing)


def client(zone: Zone, measure: int, name: str, seconds: float, counts: "multiprocessing.Queue[float]") -> None:
    with zone.session() as session:
        call = MEASURES[measure](zone, session, name)
        number, start = 0, time.monotonic()
        while time.monotonic() < start + seconds:
            call(number)
            number += 1
        counts.put(number / (time.monotonic() - start))


def measure_calls(zone: Zone, measure: int, clients: int, seconds: float) -> float:
    counts: multiprocessing.Queue[float] = multiprocessing.Queue()
    names = [f"{MEASURES[measure].__name__}_{clients}_{number}" for number in range(clients)]
    running = [multiprocessing.Process(target=client, args=(zone, measure, name, seconds, counts)) for name in names]
    for process in running:
        process.start()
    total = sum(counts.get(timeout=seconds + 60) for _ in running)
    for process in running:
        process.join()
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", choices=("none", "real"), default="none")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_zone(Path(folder), latency=options.latency) as zone:
        with zone.session() as session:
            session.collections.create(f"{HOME}/listed")
            for number in range(LISTED):
                session.data_objects.register("/no/such/file", f"{HOME}/listed/f{number:04d}", dataSize="5")
        for measure, function in enumerate(MEASURES):
            rates = [measure_calls(zone, measure, clients, options.seconds) for clients in options.clients]
            shown = "  ".join(
                f"{clients} clients {rate:7.0f}/s" for clients, rate in zip(options.clients, rates, strict=True)
            )
            print(f"{function.__name__:14}{shown}", flush=True)


if __name__ == "__main__":
    main()
