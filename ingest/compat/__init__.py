"""What handler files import from `irods_capability_automated_ingest`, with a meaning in the landing zone.

`finder` makes the module names resolve to the modules here, `runtime` holds the store and sessions of a worker.
These modules keep automated-ingest's names, lower-case classes included; people's files depend on them.
"""
