"""`python -m consumer` is `ingest-consume`."""

from consumer.cli import main

main()
