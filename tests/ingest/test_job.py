"""Several threads can decode a stored job at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
READ = """
import sys, threading
sys.setswitchinterval(1e-6)
import msgspec
from ingest.job import Job, JobState, JobStatus, Problem

status = JobStatus(job=Job(name="j", source=b"/s", target="/t"), state=JobState.QUEUED, created=1.0)
data = [(msgspec.json.encode(status), JobStatus), (msgspec.json.encode(status.job), Job)]
data.append((msgspec.json.encode(Problem(path=b"p", target="/t/p", skipped=True, reason="no")), Problem))
start, read = threading.Barrier(8), []

def decode():
    start.wait()
    read.extend([msgspec.json.decode(each, type=kind) for each, kind in data])

threads = [threading.Thread(target=decode) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(len(read) != 8 * len(data))
"""


def test_threads_that_read_a_job_at_once_do_not_crash_the_process() -> None:
    for _ in range(8):  # without care every second process crashed
        subprocess.run([sys.executable, "-c", READ], cwd=ROOT, check=True, timeout=60)
