"""Six seeds of the fault campaign, which cover all deployments; `make campaign` runs others.

They give each content a modification time of its own: that size and time are equal by chance is left to the others.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.scenario import DEPLOYMENTS, scenario
from tests.support.devzone_process import ROOT

SEEDS = [("alone", 20), ("alone", 23), ("periodic", 30), ("served", 13), ("kafka", 27), ("kafka", 43)]


def test_the_seeds_cover_all_deployments() -> None:
    assert {deployment for deployment, _ in SEEDS} == set(DEPLOYMENTS)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_a_seed_chooses_the_same_each_time(deployment: str) -> None:
    for seed in range(5):
        assert scenario(seed, deployment).lines() == scenario(seed, deployment).lines()


@pytest.mark.parametrize(("deployment", "seed"), SEEDS, ids=[f"{name}-seed-{seed}" for name, seed in SEEDS])
def test_after_all_faults_the_zone_has_what_the_source_has(deployment: str, seed: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.campaign", str(seed), "--deployment", deployment]
    ran = subprocess.run(
        [*command, "--evidence", str(tmp_path)], env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
