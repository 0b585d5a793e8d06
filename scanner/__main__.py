"""`python -m scanner` is `ingest-scan`."""

from scanner.cli import main

main()
