"""Some random histories with fixed seeds, and those of a service without one of its promises."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.controls import CONTROLS

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.sqlite  # a restore from a backup is part of each


def simulate(*words: str) -> str:
    """Run histories in a process without threads, which may fork; return what it printed. It must end well."""
    command = [sys.executable, "-m", "tests.simulation", *words]
    ran = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=600)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_phones_and_service_agree_after_any_history() -> None:
    assert "20 histories from seed 1, " in simulate("--seeds", "1-20")


@pytest.mark.parametrize("control", CONTROLS)
def test_a_broken_promise_is_noticed(control: str) -> None:
    assert " 1 failed" in simulate("--seeds", "10001-10200", "--control", control)
