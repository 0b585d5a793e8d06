"""`python -m consumer` is `ingest-consume`, which is put together in `landingzone`."""

import runpy

runpy.run_module("landingzone.consume", run_name="__main__")
