"""Run a command until it ends or is stopped; report an error with one sentence and an exit status."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType

import click

from ingest.errors import Refused, Unreachable

REFUSED = 1


def run(command: click.Command, program: str) -> None:
    """Run a click command and exit: 0, 1 refused or failed to run, 2 usage, or what the command chose."""
    try:
        status = command.main(prog_name=program, standalone_mode=False)
    except click.UsageError as error:
        _say(program, error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _say(program, error.format_message())
        sys.exit(REFUSED)
    except (click.Abort, KeyboardInterrupt):
        _say(program, "interrupted")
        sys.exit(REFUSED)
    except (Refused, Unreachable) as error:
        _say(program, str(error))
        sys.exit(REFUSED)
    except BrokenPipeError:  # the reader of our output has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(REFUSED)
    except Exception as error:  # noqa: BLE001 - a fault of ours, but no reason for a traceback
        if logging.getLogger().isEnabledFor(logging.DEBUG):
            traceback.print_exc()
        _say(program, f"unexpected {type(error).__name__}: {' '.join(str(error).split())}")
        sys.exit(REFUSED)
    sys.exit(status if isinstance(status, int) else 0)


def until_signal() -> Callable[[], bool]:
    """Handle SIGTERM and Ctrl-C from now on; return a function that says whether one has arrived."""
    stopped = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    return stopped.is_set


def _say(program: str, text: str) -> None:
    print(f"{program}: {' '.join(text.split())}", file=sys.stderr)
