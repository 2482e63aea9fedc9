"""Some random histories with fixed seeds, and those of a service without one of its promises."""

import os
from pathlib import Path

import pytest

from tests.simulation.controls import CONTROLS
from tests.simulation.runner import run

pytestmark = pytest.mark.sqlite  # a restore from a backup is part of each

HISTORIES = 20
CONTROL_HISTORIES = 200
JOBS = 2 if (os.cpu_count() or 1) > 1 else 1


def test_phones_and_service_agree_after_any_history(tmp_path: Path) -> None:
    outcomes = list(run(range(1, HISTORIES + 1), JOBS, tmp_path))
    assert len(outcomes) == HISTORIES
    assert [(outcome.seed, outcome.faults) for outcome in outcomes if outcome.faults] == []
    assert sum(outcome.answers for outcome in outcomes) > 20 * HISTORIES  # much did happen


@pytest.mark.parametrize("control", CONTROLS)
def test_a_broken_promise_is_noticed(tmp_path: Path, control: str) -> None:
    seeds = range(10_001, 10_001 + CONTROL_HISTORIES)
    assert any(outcome.faults for outcome in run(seeds, JOBS, tmp_path, control))
