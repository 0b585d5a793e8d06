from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.errors import Refused
from ingest.job import Job
from scanner.files.filesystem import look
from scanner.rules import Rules
from tests.support.scanning import files, make_socket, skipped_of, walked, write

ROOT = b"/data/source"


@pytest.mark.parametrize(
    ("expression", "path", "excluded"),
    [
        ("5", b"5", False),
        ("/data/source/a/5", b"a/5", True),
        ("/data/source/a/5", b"a/55", True),
        (".*/5$", b"a/5", True),
        (".*/5$", b"a/55", False),
        ("a/5", b"a/5", False),
        (r".*\.tmp", b"x.tmp.keep", True),
        (".*/caf.$", "café".encode(), True),
        (".*/caf.$", b"caf\xe9", True),
        (".*/caf\udce9$", b"caf\xe9", True),
        (".*/x$", b"a\nb/x", False),
        ("(?s).*/x$", b"a\nb/x", True),
    ],
)
def test_a_name_expression_is_matched_from_the_start_of_the_absolute_path(
    expression: str, path: bytes, excluded: bool
) -> None:
    rules = Rules(file_names=[expression])
    assert (rules.excludes(ROOT, path, "regular") is not None) == excluded


def test_file_expressions_are_for_all_but_directories_and_directory_expressions_for_directories() -> None:
    rules = Rules(file_names=[".*/f$"], directory_names=[".*/d$"])
    assert rules.excludes(ROOT, b"f", "link") == "--exclude_file_name .*/f$"
    assert rules.excludes(ROOT, b"f", "pipe") == "--exclude_file_name .*/f$"
    assert rules.excludes(ROOT, b"f", "directory") is None
    assert rules.excludes(ROOT, b"d", "directory") == "--exclude_directory_name .*/d$"
    assert rules.excludes(ROOT, b"d", "regular") is None


def test_each_of_several_expressions_excludes() -> None:
    rules = Rules(file_names=[".*/one$", ".*/two$"])
    assert [name for name in (b"one", b"two", b"three") if not rules.excludes(ROOT, name, "regular")] == [b"three"]


def test_the_root_of_the_file_system_as_source_gives_paths_with_one_slash() -> None:
    assert Rules(file_names=["/etc/x$"]).excludes(b"/", b"etc/x", "regular")


def test_the_source_itself_is_never_excluded() -> None:
    rules = Rules(types=["directory"], directory_names=[".*"], patterns=["*"])
    assert rules.excludes(ROOT, b"", "directory") is None


def test_types_are_those_of_lstat(root: bytes) -> None:
    write(root + b"/regular")
    os.mkdir(root + b"/directory")
    os.symlink(b"regular", root + b"/link")
    os.mkfifo(root + b"/pipe")
    make_socket(root + b"/socket")
    everything = {b"regular", b"directory", b"link", b"pipe", b"socket"}
    for kind in everything:
        assert {found.path for found in walked(root, Rules(types=[kind.decode()]))} == everything - {kind}


def test_rules_come_from_the_options_of_a_job() -> None:
    job = Job(
        name="j",
        source=ROOT,
        target="/z/home",
        exclude_types=("pipe",),
        exclude_file_names=(".*/f$",),
        exclude_directory_names=(".*/d$",),
        patterns=("*.log", "!keep.log"),
        follow_symlinks=True,
        one_file_system=True,
    )
    rules = Rules.of(job)
    assert rules.excludes(ROOT, b"p", "pipe") == "--exclude_file_type pipe"
    assert rules.excludes(ROOT, b"f", "regular") == "--exclude_file_name .*/f$"
    assert rules.excludes(ROOT, b"d", "directory") == "--exclude_directory_name .*/d$"
    assert rules.excludes(ROOT, b"x.log", "regular") == "--exclude *.log"
    assert rules.excludes(ROOT, b"keep.log", "regular") is None
    assert (rules.follow_symlinks, rules.one_file_system) == (True, True)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"types": ["regular", "sockets"]}, "--exclude_file_type 'sockets'"),
        ({"file_names": ["ok", "(unclosed"]}, "--exclude_file_name '(unclosed'"),
        ({"directory_names": ["*"]}, r"--exclude_directory_name '*'"),
        ({"file_names": ["a{99999999999999999999}"]}, "--exclude_file_name 'a{99999999999999999999}'"),
        ({"patterns": ["[z-a]"]}, "--exclude '[z-a]'"),
        ({"patterns": ["trailing\\"]}, "--exclude 'trailing\\\\'"),
        ({"patterns": ["unclosed["]}, "--exclude 'unclosed['"),
        ({"patterns": ["[[:alpha:]]"]}, "--exclude '[[:alpha:]]'"),
        ({"patterns": ["![z-a]"]}, "--include '[z-a]'"),
        ({"patterns": ["/"]}, "--exclude '/'"),
    ],
)
def test_what_does_not_compile_is_refused_in_one_sentence_that_names_it(options: dict[str, Any], named: str) -> None:
    with pytest.raises(Refused) as refusal:
        Rules(**options)
    assert str(refusal.value).startswith(named)
    assert "\n" not in str(refusal.value)


TREE = [
    *(b"a", b"b.log", b"#hash", b"!bang", b"space ", b"x\ny", b"a\n"),
    *(b"build/out.o", b"build/keep/a", b"src/build", b"src/a", b"src/b.log", b"src/deep/er/b.log", b"src/deep/er/a"),
    *(b"logs/a", b"logs/2024/a", b"logs/2024/b.log", b"caf\xc3\xa9/a", b"bad\xff/b.log", b"new\nline/b.log"),
]

LINES = [
    *(["a"], ["/a"], ["*.log"], ["*.log", "!b.log"], ["!b.log", "*.log"], ["build"], ["build/"], ["/build/"]),
    *(["src/build/"], ["src/build"], ["*", "!src/"], ["*", "!src/", "!src/a"], ["/*", "!/src"], ["*", "!*/", "!*.log"]),
    *(["build", "!build/keep/a"], ["src/*", "!src/deep/"], ["src/**"], ["**/er"], ["src/**/a"], ["**/er/*"], ["**"]),
    *(["*", "!a"], ["\\#hash"], ["#hash"], ["\\!bang"], ["!bang"], ["space\\ "], ["space "], [""], ["logs/*/a"]),
    *(["er/a"], ["?"], ["?.log"], ["[ab]"], ["[!a]"], ["[a-c].log"], ["deep/**"], ["*/"], ["/*/"], ["/*/a"], ["lo*s"]),
    *(
        ["src", "!src"],
        ["src", "!/src", "deep/"],
        ["**/deep/**", "!er/"],
        ["bad*"],
        ["new*"],
        ["x?y"],
        ["café"],
        ["**/b.log"],
        ["src[!x]a"],
    ),
]


def what_git_leaves(root: bytes, lines: list[str]) -> set[bytes]:
    write(root + b"/.git/info/exclude", "".join(line + "\n" for line in lines).encode())
    command = ["git", "-c", "core.excludesFile=/dev/null", "ls-files", "--others", "--exclude-standard", "-z"]
    answer = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    return set(answer.split(b"\0")) - {b""}


@pytest.fixture
def repository(root: bytes) -> bytes:
    subprocess.run(["git", "init", "-q", root], check=True)
    for path in TREE:
        write(root + b"/" + path)
    return root


def what_we_leave(root: bytes, lines: list[str]) -> set[bytes]:
    return files(walked(root, Rules(patterns=["/.git", *lines])))


def test_patterns_mean_what_they_mean_to_git(repository: bytes) -> None:
    for lines in LINES:
        ours = {path for path in what_we_leave(repository, lines) if not path.startswith(b".git/")}
        assert ours == what_git_leaves(repository, lines), lines


names = st.sampled_from(["a", "src", "deep", "er", "build", "*", "**", "b.log", "*.log", "?", "s*"])
pattern = st.builds(
    lambda negated, rooted, parts, directory: negated + rooted + "/".join(parts) + directory,
    st.sampled_from(["", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(names, min_size=1, max_size=3),
    st.sampled_from(["", "/"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(pattern, min_size=1, max_size=4))
def test_random_patterns_mean_what_they_mean_to_git(repository: bytes, lines: list[str]) -> None:
    ours = {path for path in what_we_leave(repository, lines) if not path.startswith(b".git/")}
    assert ours == what_git_leaves(repository, lines)


def test_an_excluded_directory_is_not_entered_by_a_single_look_either(repository: bytes) -> None:
    found = skipped_of(look(repository, b"build/keep/a", Rules(patterns=["build", "!build/keep/a"])))
    assert found.excluded
    assert found.reason == "below build: left out by --exclude build"


def test_without_expressions_and_patterns_regular_files_cost_no_question() -> None:
    assert Rules(types=["pipe"], directory_names=[".*/d"], follow_symlinks=True).keeps_regular_files
    for rules in (Rules(types=["regular"]), Rules(file_names=["x"]), Rules(patterns=["x"])):
        assert not rules.keeps_regular_files
