"""`python -m scanner` is `ingest-scan`, which is put together in `landingzone`."""

import runpy

runpy.run_module("landingzone.scan", run_name="__main__")
