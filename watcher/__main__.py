"""`python -m watcher` is `ingest-watch`, which is put together in `landingzone`."""

import runpy

runpy.run_module("landingzone.watch", run_name="__main__")
