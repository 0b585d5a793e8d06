"""What handler files import from `irods_capability_automated_ingest`, with a meaning in the landing zone.

`finder` makes the module names resolve to the modules here, `runtime` is told which store and sessions a worker has.
These modules keep automated-ingest's names, lower-case classes included; people's files depend on them.
"""
