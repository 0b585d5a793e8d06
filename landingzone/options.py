"""Options of the command line: both spellings, environment variables, the settings file, multi-value options."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from ingest.deployment import Deployment
from ingest.errors import Refused
from ingest.job import LOG_LEVELS, LogSettings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
Options = TypeVar("Options", bound="DataclassInstance")

LONGEST = 366 * 86_400
"""Maximum of an option that is a time, in seconds: the system's clocks overflow at some point."""


@dataclass(frozen=True, kw_only=True)
class ProfileOptions:
    """The `--profile*` options."""

    profile: bool = False
    profile_filename: str | None = None
    profile_level: str | None = None
    profile_when: str | None = None
    profile_interval: int | None = None

    def settings(self) -> LogSettings | None:
        """Return the settings of the profile file, or None without `--profile`. Raises Refused if no file is named."""
        from ingest.service import profile  # noqa: PLC0415 - imports logging; --help must be quick

        chosen = LogSettings(self.profile_level, self.profile_filename, self.profile_when, self.profile_interval)
        return profile.settings(enabled=self.profile, options=chosen)


@dataclass(frozen=True, kw_only=True)
class MetricsOptions:
    """The `--metrics_*` options."""

    metrics_port: int | None = None
    metrics_address: str = "127.0.0.1"


class Seconds(click.FloatRange):
    """A finite number of seconds. click alone would accept `nan` in any range."""

    def __init__(self, least: float = 0.0) -> None:
        super().__init__(least, LONGEST)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return seconds


def option(name: str, **settings: Any) -> Decorator:
    """An option spelt with underscores, as in automated-ingest, or dashes; the variable INGEST_NAME sets it, too."""
    dashed = f"--{name.replace('_', '-')}"
    spellings = [dashed] if "_" not in name else [dashed, f"--{name}"]
    short = settings.pop("short", None)
    return click.option(*([short] if short else []), *spellings, name, envvar=f"INGEST_{name.upper()}", **settings)


def on_command_line(name: str) -> bool:
    """Whether the command line itself names an option. The environment and the settings file apply to many jobs."""
    context = click.get_current_context(silent=True)
    return context is None or context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _keep_for_level(context: click.Context, parameter: click.Parameter, given: int) -> None:
    """Keep the value of `-v` or `-q` for `level_of_letters`."""
    context.meta[f"{__name__}.{parameter.name}"] = given


def level_of_letters() -> str | None:
    """The log level that `-v` or `-q` ask for; None without them. Raises click.UsageError if they contradict."""
    context = click.get_current_context()
    more, less = (int(context.meta.get(f"{__name__}.{name}") or 0) for name in ("more_log", "less_log"))
    given = [letter for letter, is_given in (("-v", more), ("-q", less)) if is_given]
    if given and context.get_parameter_source("log_level") is ParameterSource.COMMANDLINE:
        given.append("--log_level")
    if len(given) > 1:
        raise click.UsageError(
            f"{' and '.join(given)} cannot be given together: each of them sets the log level.", context
        )
    if less:
        return "ERROR"
    return (None, "INFO", "DEBUG")[min(more, 2)]


def level_on_command_line(log: LogSettings) -> str | None:
    """The log level if the command line itself sets it, else None."""
    return log.level if level_of_letters() or on_command_line("log_level") else None


def options(*several: Decorator) -> Decorator:
    """Several options as one decorator, in their order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for each in reversed(several):
            function = each(function)
        return function

    return decorate


def gathered(parameter: str, kind: type[Any], *several: Decorator) -> Decorator:
    """Several options as one decorator; the command receives their values as one argument, the dataclass `kind`.

    Fields of the dataclass for which the command has no option keep their default.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **values: Any) -> Any:
            return function(*arguments, **{parameter: gather(kind, values)}, **values)

        return options(*several)(call)

    return decorate


def gather(kind: type[Options], values: dict[str, Any]) -> Options:
    """Move the values of a dataclass's fields out of `values` and into a new instance."""
    return kind(**{each.name: values.pop(each.name) for each in fields(kind) if each.name in values})


def default_state() -> Path:
    """The state file when no option names one."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(base) / "irods-landing-zone" / "state.db"


def processors() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _load_config(context: click.Context, _parameter: click.Parameter, file: Path | None) -> None:
    if file is not None:
        context.default_map = {**(context.default_map or {}), **read_config(file, context.command)}


def read_config(file: Path, command: click.Command) -> dict[str, Any]:
    """The settings file: options by either spelling. Raises Refused for a key that is no option of any command."""
    import yaml  # noqa: PLC0415 - most runs have no settings file, and --help must be quick

    try:
        settings = yaml.safe_load(file.read_text())
    except OSError as error:
        raise Refused(f"cannot read the settings file {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refused(f"the settings file {file} is not YAML: {' '.join(str(error).split())}") from error
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise Refused(f"the settings file {file} must have lines like `files_per_task: 50`")
    known = {each.name: each for each in _siblings(command)}
    named = {str(key).replace("-", "_"): value for key, value in settings.items()}
    for key, value in named.items():
        if key not in known:
            raise Refused(f"the settings file {file} has {key!r}, which is no option")
        wanted = "a list" if known[key].multiple else "a single value"
        if isinstance(value, list) is not known[key].multiple or isinstance(value, dict):
            raise Refused(f"the settings file {file} must have {wanted} for {key}")
    return named


def _siblings(command: click.Command) -> list[click.Option]:
    context = click.get_current_context(silent=True)
    parent = context.parent.command if context is not None and context.parent is not None else None
    commands = list(parent.commands.values()) if isinstance(parent, click.Group) else [command]
    return [parameter for each in commands for parameter in each.params if isinstance(parameter, click.Option)]


class MultiValueCommand(click.Command):
    """A command some of whose options take all values up to the next option, as argparse's nargs="+" does."""

    multi_value = ("exclude_file_name", "exclude_directory_name")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its values, and bring --include and --exclude into one ordered list."""
        spellings = {f"--{name}" for name in self.multi_value}
        spellings |= {spelling.replace("_", "-") for spelling in spellings}
        out: list[str] = []
        running: str | None = None
        values = 0
        rest = iter(args)
        for argument in rest:
            if argument == "--":
                out += [argument, *rest]
            elif argument in spellings:
                _check_values(running, values, ctx)
                running, values = argument, 0
            elif argument.startswith("-"):
                _check_values(running, values, ctx)
                running = None
                out.append(_as_pattern(argument, rest))
            elif running is not None:
                values += 1
                out.append(f"{running}={argument}")
            else:
                out.append(argument)
        _check_values(running, values, ctx)
        return super().parse_args(ctx, out)


def _check_values(option: str | None, values: int, ctx: click.Context) -> None:
    if option is not None and not values:
        raise click.UsageError(f"Option '{option}' requires at least one argument.", ctx)


def _as_pattern(argument: str, rest: Any) -> str:
    name, equals, value = argument.partition("=")
    if name != "--include":
        return argument
    return f"--exclude=!{value if equals else next(rest, '')}"


profiling = gathered(
    "profiling",
    ProfileOptions,
    option("profile", is_flag=True, help="Record how long tasks, hooks and iRODS calls take; see `ingest-scan trace`."),
    option("profile_filename", type=click.Path(dir_okay=False), help="With --profile: write JSON lines to this file."),
    option("profile_level", type=click.Choice(LOG_LEVELS), help="INFO: tasks only; DEBUG: also hooks and calls [all]."),
    option("profile_when", help="Unit of the profile's rotation, as TimedRotatingFileHandler's `when`."),
    option("profile_interval", type=click.IntRange(min=1), help="Rotate after this number of units [1]."),
)
metrics = gathered(
    "metrics",
    MetricsOptions,
    option(
        "metrics_port", type=click.IntRange(0, 65535), help="Serve /metrics, /livez and /readyz on this port (0: any)."
    ),
    option("metrics_address", default="127.0.0.1", show_default=True, help="Address to serve them on."),
)
_common = options(
    option("kafka", metavar="HOST:PORT", help="Kafka brokers, comma list; use with --redis, instead of --state."),
    option("redis", metavar="URL", help="redis://host:port/db, or rediss:// for TLS; use with --kafka."),
    option("redis_host", help="Instead of --redis: its host."),
    option("redis_port", type=int, help="Instead of --redis: its port."),
    option("redis_db", type=int, help="Instead of --redis: its database."),
    option("partitions", type=click.IntRange(min=1), help="Partitions of newly created topics [12]."),
    option("replication_factor", type=click.IntRange(min=1), default=1, help="Kafka replicas of new topics [1]."),
    option(
        "state", type=click.Path(path_type=Path, dir_okay=False), help="State file of the embedded queue and store."
    ),
    option("log_level", type=click.Choice(LOG_LEVELS), help="Log messages of this level and above [WARNING]."),
    click.option(
        "-v",
        "more_log",
        count=True,
        expose_value=False,
        callback=_keep_for_level,
        help="Log each file and pass, as --log_level INFO; -vv: as DEBUG.",
    ),
    click.option(
        "-q",
        "less_log",
        is_flag=True,
        expose_value=False,
        callback=_keep_for_level,
        help="Log only errors, as --log_level ERROR.",
    ),
    option("log_filename", type=click.Path(dir_okay=False), help="Log to this file, as JSON lines [stderr]."),
    option("log_when", help="Rotate the log file: the unit, as TimedRotatingFileHandler's `when` [no rotation]."),
    option("log_interval", type=click.IntRange(min=1), help="Rotate the log file after this number of units [1]."),
    click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        is_eager=True,
        expose_value=False,
        callback=_load_config,
        envvar="INGEST_CONFIG",
        help="YAML file with options (option > environment > file > default).",
    ),
)


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that all commands share.

    The command receives those about queue and store as the Deployment `state`, and those about logs as `log`.
    """

    @wraps(function)
    def with_deployment(*arguments: Any, state: Path | None, **values: Any) -> Any:
        where = {name: values.pop(name) for name in _WHERE}
        level, *rest = (values.pop(f"log_{name}") for name in ("level", "filename", "when", "interval"))
        log = LogSettings(level_of_letters() or level, *rest)
        return function(*arguments, state=Deployment.of(state or default_state(), **where), log=log, **values)

    return _common(with_deployment)


_WHERE = ("kafka", "redis", "redis_host", "redis_port", "redis_db", "partitions", "replication_factor")
