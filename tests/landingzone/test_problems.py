"""Failures as JSON lines and as a table with commas have the same fields."""

from __future__ import annotations

import csv
import io
import json

import pytest

from ingest.job import Problem
from landingzone.report import print_problems, print_problems_as_csv

PROBLEMS = [
    Problem(path=b'a, "b"\n\xff', target="/z/a", skipped=False, reason="no", error="X", code=-1, attempts=3, at=1.0),
    Problem(path=b"", target="/z", skipped=True, reason="Permission denied"),
]


def test_both_forms_have_the_same_fields(capsys: pytest.CaptureFixture[str]) -> None:
    print_problems(PROBLEMS, as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    print_problems_as_csv(PROBLEMS)
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [{name: "" if value is None else str(value) for name, value in line.items()} for line in lines] == table
    assert (table[0]["path"], table[0]["code"]) == ('a, "b"\n\\xff', "-1")


def test_the_columns_are_there_without_failures(capsys: pytest.CaptureFixture[str]) -> None:
    print_problems_as_csv([])
    assert capsys.readouterr().out == "path,target,skipped,reason,error,code,attempts,at\n"
