"""Each trial again, on a service that breaks what it promises: something must go wrong."""

from pathlib import Path

import pytest

from tests.faults.lab import Lab, Trial
from tests.faults.trials import TRIALS
from tests.server.conftest import SLACK

pytestmark = pytest.mark.sqlite


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_a_broken_promise_is_noticed(tmp_path: Path, trial: Trial) -> None:
    assert trial.run(Lab(tmp_path, trial.control, SLACK), trial.control_trials).wrong
