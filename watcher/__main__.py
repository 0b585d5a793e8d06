"""`python -m watcher` is `ingest-watch`."""

from watcher.cli import main

main()
