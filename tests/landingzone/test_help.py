"""`--help` answers at once: it loads no client library of a server."""

import subprocess
import sys

import pytest

HEAVY = ("irods", "kafka", "redis", "minio")
PROGRAM = """
import importlib, sys
cli = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])
try:
    cli(["--help"])
finally:
    print([name for name in sys.argv[3:] if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("landingzone.scan", "cli"),
        ("landingzone.watch", "cli"),
        ("landingzone.consume", "cli"),
        ("devzone.cli", "main"),
    ],
)
def test_help_loads_no_client_library(module: str, command: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, module, command, *HEAVY], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("Usage: ")
    assert ran.stderr == "[]\n"
