"""The system lets us watch fewer directories than there are: it says which limit, and nothing is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

from irods.session import iRODSSession

from tests.root.conftest import Watch
from tests.root.test_unmounting import fill
from tests.support.integration import rows, wait_until
from tests.support.watching import at_rest, in_step

ALLOWED, DIRECTORIES = 10, 30
# In a user namespace of its own the limit is its own, too: other processes keep theirs.
LIMITED = (
    "unshare", "--user", "--map-root-user",
    "sh", "-c", f'echo {ALLOWED} >/proc/sys/user/max_inotify_watches; exec "$@"', "sh",
)  # fmt: skip
NEVER = "3600"


def test_what_the_limit_of_the_system_leaves_unwatched_is_polled(
    watch: Watch, source: Path, home: str, irods: iRODSSession
) -> None:
    fill(source, *(f"d{number}/before" for number in range(DIRECTORIES)))
    watching = watch("--poll-interval", "0.3", "--reconcile-interval", NEVER, before=LIMITED)
    wait_until(lambda: in_step(irods, source, home))
    wait_until(at_rest(watching))
    wait_until(lambda: watching.job["watcher"]["unwatched"] == 1 + DIRECTORIES - ALLOWED)
    assert watching.said().count("directories beyond the limit of watches are polled") == 1
    assert f"sysctl user.max_inotify_watches={ALLOWED}, raise it to 524288 or more" in watching.said()
    fill(source, *(f"d{number}/after" for number in range(DIRECTORIES)))
    fill(source, *(f"d{number}/before" for number in range(DIRECTORIES)), content="changed")
    fill(source, "new/below/file", "d0/new/file")
    for number in range(0, DIRECTORIES, 2):
        (source / f"d{number}/after").rename(source / f"d{number}/moved")
    wait_until(lambda: in_step(irods, source, home))
    assert rows(irods, home)["d2/before"][0].size == len("changed")
    assert watching.job["watcher"]["missed"] == 0  # it was heard of, or polled
    for number in range(0, DIRECTORIES, 3):
        shutil.rmtree(source / f"d{number}")
    wait_until(lambda: in_step(irods, source, home))
    wait_until(lambda: watching.job["watcher"]["unwatched"] < DIRECTORIES - ALLOWED)
