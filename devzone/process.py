"""The process of a development zone: its data folder, the ready line, and the end by signal."""

import fcntl
import ipaddress
import json
import logging
import os
import resource
import signal
import socket
import sqlite3
import sys
import threading
from pathlib import Path
from typing import NoReturn

import click
from irods.password_obfuscation import encode

from devzone.catalog.resources import DEFAULT_RESOURCE
from devzone.server.bootstrap import ADMIN, ADMIN_PASSWORD, ZONE_NAME, open_catalog
from devzone.server.latency import Latency
from devzone.server.server import Server, listen
from devzone.session import Zone

SWITCH_SECONDS = 0.0005  # threads answer many short calls, so none may hold the interpreter for long


def default_data() -> Path:
    """The default data folder, below the user's state folder."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "ingest-devzone"


def run(
    host: str, port: int, data: Path | None, environment: Path | None, *, real_latency: bool, allow_remote: bool
) -> None:
    """Run a development zone until SIGTERM or SIGINT; see the help of the command for what each option means."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="devzone: %(message)s")
    if not allow_remote and not _is_loopback(host):
        _fail(f"Other machines can reach the host {host}. Add --allow-remote if that is what you want.")
    folder = (data or default_data()).absolute()
    lock = _take_folder(folder)
    listener = _listen(host, port)
    try:
        catalog = open_catalog(folder, host)
    except (OSError, sqlite3.Error) as problem:
        _fail(f"Cannot use the catalog in {folder}: {problem}. Choose another folder with --data.")
    written = _write_environment(environment or folder / "irods_environment.json", listener, host)
    os.chdir(folder)  # relative physical paths are relative to the data folder
    zone = Zone(ZONE_NAME, catalog)
    _run(Server(listener, zone, Latency(real_latency)), host, listener.getsockname()[1], written)
    os.close(lock)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except (OSError, UnicodeError) as problem:
        _fail(f"Cannot listen on {host} port {port}: {problem}. Choose another address with --host and --port.")


def _fail(sentence: str) -> NoReturn:
    click.echo(f"ingest-devzone: {sentence}", err=True)
    sys.exit(1)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _take_folder(folder: Path) -> int:
    """Create the data folder if it is missing, and lock it; returns the lock's file descriptor."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        _fail(f"Cannot use the folder {folder}: {problem.strerror}. Choose another one with --data.")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        _fail(f"Another development zone is running on the folder {folder}. Stop it, or choose another --data.")
    return lock


def _write_environment(path: Path, listener: socket.socket, host: str) -> Path:
    """Write the client environment and, beside it, the password file that it refers to."""
    path = path.absolute()
    password = path.with_name(path.stem + ".irodsA")
    environment = {
        "irods_host": host,
        "irods_port": listener.getsockname()[1],
        "irods_user_name": ADMIN,
        "irods_zone_name": ZONE_NAME,
        "irods_home": f"/{ZONE_NAME}/home/{ADMIN}",
        "irods_default_resource": DEFAULT_RESOURCE,
        "irods_authentication_scheme": "native",
        "irods_authentication_file": str(password),
        "irods_authentication_uid": os.getuid(),
    }
    try:
        _write(password, encode(ADMIN_PASSWORD))
        _write(path, json.dumps(environment, indent=2) + "\n")
    except OSError as problem:
        _fail(f"Cannot write the client environment {path}: {problem.strerror}. Choose another --environment.")
    return path


def _write(path: Path, text: str) -> None:
    """Replace a file in one step. Only its owner can read it."""
    draft = path.with_name(path.name + ".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    draft.replace(path)


def _run(server: Server, host: str, port: int, environment: Path) -> None:
    """Serve until SIGTERM or SIGINT arrives."""
    sys.setswitchinterval(SWITCH_SECONDS)
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))  # a client needs about five open files
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server.start()
    click.echo(json.dumps({"host": host, "port": port, "environment": str(environment)}))
    sys.stdout.flush()
    stopped.wait()
    server.stop()
