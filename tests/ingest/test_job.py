"""Jobs and their status, as the stores hold them."""

import subprocess
import sys

AT_ONCE = """
import sys, threading
import msgspec
from ingest.job import JobStatus

sys.setswitchinterval(1e-6)
gate = threading.Barrier(16)
status = b'{"job": {"name": "x", "source": "", "target": "/x"}, "state": "queued", "created": 0}'

def decode():
    gate.wait()
    msgspec.json.decode(status, type=JobStatus)

threads = [threading.Thread(target=decode) for _ in range(16)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""


def test_threads_that_read_their_first_status_at_once_do_not_crash_the_process() -> None:
    ends = [subprocess.run([sys.executable, "-c", AT_ONCE], check=False).returncode for _ in range(10)]
    assert ends == [0] * 10
