"""Count the calls between modules of the project that the registration of one file makes in a worker.

Usage: python -m bench.walk
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType

from consumer.irods.sessions import Sessions
from consumer.sync.context import Context
from consumer.tasks.sync_files import sync_files
from ingest.job import Job
from ingest.messages import Change, SyncFiles
from ingest.store.embedded import EmbeddedStore
from tests.support.devzone_process import running_zone

PACKAGES = ("consumer", "scanner", "ingest")


def main() -> None:
    """Register one file in a new development zone, then a second one, whose calls are counted."""
    calls = Counter[tuple[str, str]]()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_back is not None:
            into, of = (str(each.f_globals.get("__name__")) for each in (frame, frame.f_back))
            if into != of and all(each.split(".")[0] in PACKAGES for each in (into, of)):
                calls[of, into] += 1

    with tempfile.TemporaryDirectory() as folder, running_zone(Path(folder) / "zone") as zone:
        os.environ["IRODS_ENVIRONMENT_FILE"] = str(zone.environment)
        source = Path(folder) / "source"
        source.mkdir()
        job = Job(name="walk", source=os.fsencode(source), target="/tempZone/home/rods/walk")
        ctx = Context(job, EmbeddedStore(Path(folder) / "state.db"), Sessions(60))
        for name in ("first", "second"):
            (source / name).write_text(name)
            task = SyncFiles(job=job.name, pass_id="pass", task=name, changes=[Change(name, [])])
            if name == "second":
                sys.setprofile(count)
            outcomes = [done.outcome for done in sync_files(ctx, task, {})]
            sys.setprofile(None)
            print(name, outcomes[0].result.value)
        ctx.sessions.close()
    modules = {module for pair in calls for module in pair}
    print(f"{sum(calls.values())} calls between {len(modules)} modules, along {len(calls)} arrows")


if __name__ == "__main__":
    main()
