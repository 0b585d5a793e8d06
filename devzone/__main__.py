"""Run the development zone: ``python -m devzone``."""

from devzone.cli import main

main()
