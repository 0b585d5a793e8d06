"""A deployment of the campaign's own: zone, proxy, processes of the program, and Kafka and Redis where they are needed.

The campaign acts as a service manager. A process that has ended is started again when `revive` is called.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.errors import Refused, Unreachable
from tests.campaign.disk import Disk
from tests.campaign.scenario import ONCE, PERIODIC, WATCH, Scenario
from tests.conftest import CommandLine
from tests.support.cut_proxy import cut_proxy
from tests.support.devzone_process import Zone, running_zone
from tests.support.integration import children
from tests.support.services import Kafka, Redis, Server, free_ports, running

JOB = "job"
MARK = "INGEST_CAMPAIGN"
"""An environment variable that all processes of a run have in common."""
END_SECONDS = 40
TROUBLE_SECONDS = 15.0
"""For so long after an outage a process that was starting may still give up."""
WORKERS = 2
_HANDLER = """
import os
import time

from ingest import Core, DeleteMode, Operation


def note(event, meta):
    with open({hooks!r}, "ab", buffering=0) as log:
        log.write(f"{{event}}\\t{{meta['target']}}\\t{{os.getpid()}}\\n".encode("utf-8", "surrogateescape"))


class event_handler(Core):
    @staticmethod
    def operation(session, meta, **options):
        return Operation.{operation}

    @staticmethod
    def to_resource(session, meta, **options):
        return {resource!r}

    @staticmethod
    def delete_mode(meta):
        return DeleteMode.{mode}

    @staticmethod
    def pre_job(hdlr_mod, logger, meta):
        note("pre_job", meta)

    @staticmethod
    def pre_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        time.sleep({seconds})

    @staticmethod
    def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        note("data_obj_create", meta)

    @staticmethod
    def pre_data_obj_modify(hdlr_mod, logger, session, meta, *args, **options):
        time.sleep({seconds})

    @staticmethod
    def post_coll_create(hdlr_mod, logger, session, meta, *args, **options):
        note("coll_create", meta)
"""


@dataclass(frozen=True)
class Ending:
    """How a process ended."""

    process: str
    status: int
    by_us: bool
    """Whether the campaign ended it."""
    troubled: bool
    """Whether a disk was full or a server away, lately."""
    was_ready: bool
    said: str


class Managed:
    """A process of the program that the campaign starts, and starts again."""

    def __init__(self, name: str, arguments: list[str], deployment: Deployment) -> None:
        self.name = name
        self.endings: list[Ending] = []
        self.wanted = True
        """Whether a service manager starts it again when it has ended."""
        self._arguments = [sys.executable, *arguments]
        self._deployment = deployment
        self._starts = 0
        self._ended_by_us = False
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs."""
        if not self.look():
            self._ended_by_us = False
            self._starts += 1
            with self._error.open("wb") as log:
                self._process = subprocess.Popen(
                    self._arguments, env=self._deployment.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )

    def look(self) -> bool:
        """Note how it ended, if it has. Return whether it runs."""
        if self._process is not None and self._process.poll() is not None:
            status, self._process = self._process.returncode, None
            troubled, said = self._deployment.troubled, self.said()[-2000:]
            self.endings.append(Ending(self.name, status, self._ended_by_us, troubled, self.ready(), said))
        return self._process is not None

    def signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.look() and self._process is not None:
            self._ended_by_us = self._ended_by_us or number not in (signal.SIGSTOP, signal.SIGCONT)
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash would."""
        self.signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> None:
        """Wait until it has ended. Raises subprocess.TimeoutExpired."""
        if self._process is not None:
            self._process.wait(END_SECONDS)
            self.look()

    def workers(self) -> list[int]:
        """Return the process ids of its workers."""
        return sorted(children(self._process.pid)) if self.look() and self._process is not None else []

    def said(self) -> str:
        """Return what it has printed since it was started."""
        return self._error.read_text(errors="replace") if self._error.exists() else ""

    @property
    def _error(self) -> Path:
        """What it prints: a file for each start, because workers of a killed process may print after the next."""
        return self._deployment.logs / f"{self.name}-{self._starts}.err"

    def ready(self) -> bool:
        """Whether it has begun to work."""
        return any(text in self.said() for text in ("Serving ", " watches ", " works in this process"))


class Deployment(CommandLine):
    """The parts of one run. `folder` keeps the evidence: logs, state, source, and what the hooks have noted."""

    workers = WORKERS

    def __init__(self, scenario: Scenario, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.hooks = folder / "hooks"
        self.logs = folder / "logs"
        self.source = folder / "source"
        for each in (self.logs, self.source, folder / "zone", folder / "aside"):
            each.mkdir(parents=True)
        self._scenario = scenario
        self._stack = stack
        self._token = secrets.token_hex(8)
        self._shared: dict[str, str] = {}
        self.disk = stack.enter_context(Disk(folder / "state"))
        (self.port,) = free_ports(1)
        self.proxy = stack.enter_context(cut_proxy(f"127.0.0.1:{self.port}"))
        self._zones = ExitStack()
        stack.push(self._zones)
        self.zone: Zone | None = None
        self.start_zone()
        super().__init__(folder / "state" / "state.db", self._environment())
        self.target = f"/tempZone/home/rods/campaign-{scenario.seed}"
        self.servers: dict[str, Server] = {}
        self.away: set[str] = set()
        """The servers that are down, and the disk if it is full."""
        self._trouble_ended = -TROUBLE_SECONDS
        if scenario.deployment == "kafka":
            self._start_servers()
        self.handler = self._write_handler()
        self.main = self._main()
        self.consumers: list[Managed] = []
        stack.callback(self.kill)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command."""
        return super().environ | self._shared | {MARK: self._token}

    def begin(self) -> None:
        """Start the consumers, then the job."""
        for _ in range(self._scenario.consumers):
            self.join()
        assert reached(lambda: all(each.ready() or not each.look() for each in self.consumers), END_SECONDS)
        self.main.start()

    @property
    def in_foreground(self) -> bool:
        """Whether the main process works, or watches, until it is stopped or the job ends."""
        return self._scenario.driver == WATCH or self._scenario.deployment in ("alone", "periodic")

    def managed(self) -> list[Managed]:
        """Return all processes of the program."""
        return [self.main, *self.consumers]

    def join(self) -> None:
        """Start one more consumer."""
        name = f"consumer-{len(self.consumers)}"
        options = ["--workers", str(WORKERS), *self._log(name)]
        self.consumers.append(Managed(name, ["-m", "consumer", *options], self))
        self.consumers[-1].start()

    def job_arguments(self) -> list[str]:
        """Return the arguments of the command that starts the job."""
        period = ["--interval", "2"] if self._scenario.driver == PERIODIC else []
        return [
            str(self.source), self.target, "--job_name", JOB, "--event_handler", str(self.handler),
            "--files_per_task", "8", *period,
        ]  # fmt: skip

    def status(self) -> dict[str, Any] | None:
        """Return the job as `list` shows it; None when the store does not answer or does not have it."""
        try:
            found = [job for group in self.jobs().values() for job in group if job["job_name"] == JOB]
        except (Refused, Unreachable, sqlite3.Error):
            return None
        return found[0] if found else None

    def problems(self) -> list[dict[str, Any]]:
        """Return what `failures` shows of the latest pass, skipped paths included."""
        return [json.loads(line) for line in self("failures", JOB, "--json").out.splitlines()]

    def start_zone(self) -> None:
        """Start the zone on what it had."""
        if self.zone is None:
            self.zone = self._zones.enter_context(
                running_zone(self.folder / "zone", port=self.port, latency=self._scenario.latency)
            )

    def kill_zone(self) -> None:
        """End the zone as a crash would. When it starts again, what was being written is stale."""
        if self.zone is not None:
            self.zone.kill()
            self._zones.close()
            self.zone = None

    def look(self) -> None:
        """Note which processes have ended by now."""
        for each in self.managed():
            each.look()

    @property
    def troubled(self) -> bool:
        """Whether a server is away or a disk full, or was a moment ago."""
        return bool(self.away) or time.monotonic() - self._trouble_ended < TROUBLE_SECONDS

    def is_back(self, what: str) -> None:
        """Note that a server, or the disk, is there again."""
        self.away.discard(what)
        self._trouble_ended = time.monotonic()

    def revive(self) -> None:
        """Start again what should run and does not."""
        self.look()
        for each in self.managed():
            if each.wanted:
                each.start()

    def end_process(self, process: Managed) -> None:
        """End a process as a service manager does. Raises subprocess.TimeoutExpired if it does not end."""
        process.signal(signal.SIGTERM)
        process.wait()

    def end(self) -> list[str]:
        """End all processes as a service manager does. Return the names of those that do not end."""
        hanging = []
        for each in self.managed():
            each.signal(signal.SIGTERM)
        for each in self.managed():
            try:
                each.wait()
            except subprocess.TimeoutExpired:
                hanging.append(each.name)
        return hanging

    def kill(self) -> None:
        """Kill whatever is left."""
        for each in self.managed():
            with suppress(subprocess.TimeoutExpired):
                each.kill()
        for pid in self.left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def left(self) -> list[int]:
        """Return the processes of this run that live."""
        mark = f"{MARK}={self._token}".encode()
        found = []
        for each in os.listdir("/proc"):
            with suppress(OSError):
                if each.isdigit() and mark in Path(f"/proc/{each}/environ").read_bytes().split(b"\0"):
                    found.append(int(each))
        return found

    def _environment(self) -> Path:
        """Write the client environment that leads through the proxy."""
        assert self.zone is not None
        settings = json.loads(self.zone.environment.read_text())
        settings["irods_port"] = int(self.proxy.endpoint.partition(":")[2])
        file = self.folder / "irods_environment.json"
        file.write_text(json.dumps(settings))
        return file

    def _start_servers(self) -> None:
        for name in ("kafka", "redis"):
            (self.folder / name).mkdir()
        kafka, redis = Kafka(self.folder / "kafka"), Redis(self.folder / "redis")
        self.servers = {"kafka": kafka, "redis": redis}
        for server in self.servers.values():
            self._stack.enter_context(running(server))
        self._shared = {"INGEST_KAFKA": kafka.bootstrap, "INGEST_REDIS": redis.url, "INGEST_PARTITIONS": "4"}

    def _write_handler(self) -> Path:
        file, scenario = self.folder / "handler.py", self._scenario
        resource = json.loads(self.environment.read_text())["irods_default_resource"]
        text = _HANDLER.format(
            hooks=str(self.hooks),
            operation=scenario.operation,
            mode=scenario.delete_mode,
            seconds=scenario.hook_seconds,
            resource=resource,
        )
        file.write_text(text)
        return file

    def _main(self) -> Managed:
        """The watcher, or the command that starts the job: it works on the job, or queues it and returns."""
        if self._scenario.driver == WATCH:
            arguments = ["-m", "watcher", *self.job_arguments(), "--quiet", "0.3"]
        else:
            arguments = ["-m", "scanner", "start", *self.job_arguments()]
        log = self._log("main") if self.in_foreground else []
        arguments += ["--workers", str(WORKERS), *log]
        main = Managed("main", arguments, self)
        main.wanted = self.in_foreground and self._scenario.driver != ONCE
        return main

    def _log(self, name: str) -> list[str]:
        return ["--log_level", "INFO", "--log_filename", str(self.logs / f"{name}.jsonl")]


@contextmanager
def deployed(scenario: Scenario, folder: Path) -> Iterator[Deployment]:
    """A deployment while it is needed."""
    with ExitStack() as stack:
        yield Deployment(scenario, folder, stack)


def reached(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until the condition holds. Return whether it does within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
