"""`python -m tests.campaign 1-200`: run seeds, a line for each, and a table at the end."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.campaign.disk import leave_mount_namespace
from tests.campaign.runner import Result, run
from tests.campaign.scenario import DEPLOYMENTS, scenario
from tests.campaign.verdict import KINDS, OK


def seeds(text: str) -> list[int]:
    """Return the seeds of a text such as `7` or `1-5,9`."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def table(results: list[Result]) -> list[str]:
    """Return the lines of a table: a row per deployment, a column per verdict."""
    counts = Counter((each.scenario.deployment, each.verdict) for each in results)
    lines = ["".join(f"{head:>10}" for head in ("", OK, *KINDS))]
    for deployment in DEPLOYMENTS:
        numbers = [counts[deployment, kind] for kind in (OK, *KINDS)]
        if any(numbers):
            lines.append(f"{deployment:>10}" + "".join(f"{number:>10}" for number in numbers))
    return lines


def main() -> int:
    """Run the seeds of the command line. Return 1 if a verdict is not OK."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description="Run random faults; the zone judges.")
    parser.add_argument("seeds", type=seeds, help="such as 1-200 or 3,7")
    parser.add_argument("--deployment", choices=DEPLOYMENTS, help="run all seeds with this deployment")
    parser.add_argument("--evidence", type=Path, help="folder for the evidence of failed seeds")
    parser.add_argument("--own-times", action="store_true", help="no two contents have the same size and time")
    parser.add_argument("--plan", action="store_true", help="print what the seeds choose, and run nothing")
    arguments = parser.parse_args()
    chosen = [scenario(seed, arguments.deployment, own_times=arguments.own_times) for seed in arguments.seeds]
    if arguments.plan:
        print("\n".join(line for each in chosen for line in each.lines()))
        return 0
    leave_mount_namespace()
    evidence = arguments.evidence or Path(tempfile.gettempdir())
    evidence = evidence / f"campaign-{secrets.token_hex(4)}"
    results = []
    for each in chosen:
        result = run(each, evidence / f"seed-{each.seed}-{each.deployment}")
        results.append(result)
        print(result.line(), flush=True)
        if result.verdict != OK:
            print("".join(f"        {kind}: {text}\n" for kind, text in result.findings[:5]), end="")
            print(f"        evidence: {result.folder}", flush=True)
    print("\n".join(table(results)))
    return int(any(each.verdict != OK for each in results))


if __name__ == "__main__":
    sys.exit(main())
