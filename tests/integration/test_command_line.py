"""The command line: what is refused, in one sentence, and where options come from."""

import json
import os
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile, Ran
from tests.support.integration import handler, rows


def assert_refused(ran: Ran, status: int, *words: str) -> None:
    """One line on stderr with these words, nothing on stdout, no traceback."""
    assert (ran.status, ran.out) == (status, ""), ran
    assert ran.err.startswith("ingest-scan: "), ran
    assert ran.err.count("\n") == 1, ran
    assert "Traceback" not in ran.err
    assert not ran.err.startswith("ingest-scan: unexpected "), ran
    for word in words:
        assert word in ran.err, ran


def no_jobs(scan: CommandLine) -> bool:
    """Whether nothing was entered."""
    return not any(json.loads(scan("list").out).values())


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--exclude_file_type", "regular,folder"], 1, ["folder"]),
        (["--exclude_file_name", "fine", "[a-"], 1, ["[a-"]),
        (["--exclude_file_name"], 2, ["--exclude_file_name", "at least one argument"]),
        (["--exclude_file_name", "--progress"], 2, ["--exclude_file_name", "at least one argument"]),
        (["--exclude-directory-name", "(unclosed"], 1, ["(unclosed"]),
        (["--files_per_task", "0"], 2, ["--files_per_task"]),
        (["--interval", "soon"], 2, ["soon"]),
        (["--interval", "0"], 2, ["--interval"]),
        (["--log_level", "LOUD"], 2, ["LOUD"]),
        (["-v", "--log_level", "INFO"], 2, ["-v", "--log_level"]),
        (["-q", "--log-level", "INFO"], 2, ["-q", "--log_level"]),
        (["-vq"], 2, ["-v", "-q"]),
        (["--cron", "every day"], 1, ["every day"]),
        (["--interval", "60", "--cron", "0 3 * * *"], 1, ["--interval", "--cron"]),
        (["--no-such-option"], 2, ["--no-such-option"]),
        (["--event_handler", "/no/such/handler.py"], 1, ["/no/such/handler.py"]),
        (["--config", "/no/such/settings.yaml"], 1, ["/no/such/settings.yaml"]),
        (["--log_filename", "/no/such/directory/log"], 1, ["/no/such/directory/log"]),
        (["--log_filename", "log", "--log_when", "sometimes"], 1, ["log"]),
        (["--workers", "none"], 2, ["--workers"]),
        (["extra"], 2, ["extra"]),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_starts(
    scan: CommandLine, source: Path, tmp_path: Path, options: list[str], status: int, words: list[str]
) -> None:
    options = [str(tmp_path / each) if each == "log" else each for each in options]
    assert_refused(scan("start", source, "/tempZone/home/rods/x", *options), status, *words)


def test_sources_and_targets_that_cannot_be_are_refused(scan: CommandLine, source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    target = "/tempZone/home/rods/x"
    for bad in ("nothing", "file", "broken"):
        assert_refused(scan("start", tmp_path / bad, target), 1, str(tmp_path / bad))
    for bad in ("/", "//", "relative/path", "/tempZone/../x"):
        assert_refused(scan("start", source, bad), 1, "the target collection")
    assert_refused(scan("start", source), 2, "TARGET")
    assert no_jobs(scan)


def test_a_source_that_cannot_be_listed_is_refused(unprivileged: CommandLine, source: Path) -> None:
    source.chmod(0)
    assert_refused(unprivileged("start", source, "/tempZone/home/rods/x"), 1, str(source))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class event_handler(:\n", ["SyntaxError", "line 1"]),
        ("import no_such_module\n", ["no_such_module"]),
        ("class handler:\n    pass\n", ["event_handler"]),
        ("raise SystemExit(3)\n", ["SystemExit"]),
        ("\0", ["handler.py"]),
        (
            "from ingest import Core, Operation, DeleteMode\nclass event_handler(Core):\n"
            "    operation = staticmethod(lambda session, meta, **options: Operation.PUT)\n"
            "    delete_mode = staticmethod(lambda meta: DeleteMode.TRASH)\n",
            ["PUT", "TRASH", "incompatible"],
        ),
    ],
)
def test_handler_files_that_cannot_work_are_refused(
    scan: CommandLine, source: Path, tmp_path: Path, text: str, words: list[str]
) -> None:
    (tmp_path / "handler.py").write_text(text)
    ran = scan("start", source, "/tempZone/home/rods/x", "--event_handler", tmp_path / "handler.py")
    assert_refused(ran, 1, *words)


def test_commands_about_unknown_jobs_are_refused(scan: CommandLine) -> None:
    for command in ("stop", "watch"):
        assert_refused(scan(command, "no such job"), 1, "there is no job no such job")


def test_a_missing_or_wrong_account_is_one_sentence(scan: CommandLine, source: Path, tmp_path: Path) -> None:
    settings = json.loads(scan.environment.read_text())
    scan.environment = tmp_path / "environment.json"
    assert_refused(scan("start", source, "/tempZone/home/rods/x"), 1, str(scan.environment))
    scan.environment.write_text("{")
    assert_refused(scan("start", source, "/tempZone/home/rods/x"), 1, str(scan.environment))
    wrong = {
        "IRODS_HOST": settings["irods_host"],
        "IRODS_PORT": str(settings["irods_port"]),
        "IRODS_USER_NAME": settings["irods_user_name"],
        "IRODS_ZONE_NAME": settings["irods_zone_name"],
        "IRODS_PASSWORD": "certainly-wrong",
    }
    scan.environment.write_text("{}")
    ran = scan("start", source, "/tempZone/home/rods/x", **wrong)
    assert_refused(ran, 1, "refuses the login")
    assert "certainly-wrong" not in ran.err
    assert no_jobs(scan)


def test_both_spellings_and_the_equals_sign_mean_the_same(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    for name in ("keep", "drop"):
        (source / name).touch()
    pattern = ".*/drop"
    for number, option in enumerate(("--exclude_file_name", "--exclude-file-name", f"--exclude_file_name={pattern}")):
        options = (option,) if "=" in option else (option, pattern)
        ran = scan.ingest(source, f"{home}/{number}", *options, "--job-name", f"job {number}")
        assert ran.status == 0, ran
        assert f"Job job {number} finished" in ran.out
        assert set(rows(irods, f"{home}/{number}")) == {"keep"}


def test_a_multi_value_option_runs_to_the_next_option_and_arguments_may_follow_two_dashes(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    for name in ("a", "b", "c", "d", "sub/e", "sub/f", "other/g"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).touch()
    options = ("--exclude_file_name", ".*/a", ".*/b", "--exclude-directory-name", ".*/other", "--exclude_file_name")
    ran = scan("start", *options, ".*/f", "--synchronous", "--", source, home)
    assert ran.status == 0, ran
    assert set(rows(irods, home)) == {"c", "d", "sub/e"}


def test_exclude_file_type_takes_a_comma_list(scan: CommandLine, source: Path, home: str, irods: iRODSSession) -> None:
    os.mkfifo(source / "fifo")
    (source / "f").touch()
    (source / "link").symlink_to("f")
    (source / "d").mkdir()
    assert scan.ingest(source, home, "--exclude_file_type", "pipe,link,directory").status == 0
    assert set(rows(irods, home)) == {"f"}
    assert irods.collections.get(home).subcollections == []


def test_an_option_wins_over_the_environment_and_that_over_the_settings_file(
    scan: CommandLine, source: Path, home: str, tmp_path: Path
) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("job-name: from file\nsynchronous: true\nfiles_per_task: 7\n")

    def start(*options: str | os.PathLike[str], **environ: str) -> Ran:
        return scan("start", source, home, *options, **environ)

    assert "Job from file finished" in start("--config", config).out
    assert "Job from environment finished" in start("--config", config, INGEST_JOB_NAME="from environment").out
    both = start("--config", config, "--job_name", "from option", INGEST_JOB_NAME="from environment")
    assert "Job from option finished" in both.out
    assert "Job from file finished" not in start(INGEST_CONFIG=str(config), INGEST_JOB_NAME="again").out


@pytest.mark.parametrize("text", ["no_such_option: 1\n", "- a list\n", "a: [\n", "files_per_task: many\n"])
def test_a_settings_file_with_mistakes_is_refused(scan: CommandLine, source: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.yaml").write_text(text)
    ran = scan("start", source, "/tempZone/home/rods/x", "--config", tmp_path / "settings.yaml")
    assert ran.status in (1, 2), ran
    assert_refused(ran, ran.status)


def test_list_prints_json_of_the_documented_shape_where_there_is_no_terminal(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile
) -> None:
    empty: dict[str, list[object]] = {"periodic": [], "singlepass": [], "stopped": [], "finished": []}
    assert json.loads(scan("list").out) == json.loads(scan("list", "--include-stopped-jobs").out) == empty
    (source / "f").write_text("content")
    options = ("--job_name", "the job", "--event_handler", handler_file(handler("PUT")))
    assert scan.ingest(source, home, *options).status == 0
    (job,) = json.loads(scan("list").out)["finished"]
    documented = ("job_name", "total_tasks", "remaining_tasks", "failed_tasks", "retried_tasks")
    assert [job[key] for key in documented] == ["the job", 4, 0, 0, 0]
    assert {"elapsed_time", "start_time", "state", "files", "bytes", "rate"} <= set(job)
    assert (job["state"], job["bytes"], job["target"], job["source"]) == ("finished", 7, home, str(source))


def test_help_and_version_need_no_zone_and_name_the_program(scan: CommandLine) -> None:
    scan.environment = Path("/no/such/file")
    ran = scan("--help")
    assert (ran.status, ran.err) == (0, ""), ran
    assert all(f"\n  {command} " in ran.out for command in ("start", "list", "stop", "watch"))
    assert "Examples:" in ran.out
    assert scan("start", "--help").out.count("--job-name, --job_name") == 1
    version = scan("--version")
    assert (version.status, version.out.startswith("ingest-scan, version ")) == (0, True), version
    assert_refused(scan("no-such-command"), 2, "no-such-command")
