"""A backend in a process of its own, which a test can stop: python -m tests.watcher.files.child ROOT KIND.

Says "watching", then every event as a line that `ast.literal_eval` reads: the name of its kind and its fields.
"""

from __future__ import annotations

import os
import sys

from msgspec.structs import astuple

from watcher.files.inotify import InotifyBackend
from watcher.files.observer import ObserverBackend


def main(root: str, kind: str) -> None:
    backend = {"inotify": InotifyBackend, "observer": ObserverBackend}[kind](os.fsencode(root))
    with backend:
        backend.start()
        print("watching", flush=True)
        while True:
            for event in backend.read(0.1):
                print((type(event).__name__, *astuple(event)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
