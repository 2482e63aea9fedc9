"""A few trials of each; `make faults` makes the many. test_controls.py shows that each can fail."""

from pathlib import Path

import pytest

from tests.faults.lab import Lab, Trial
from tests.faults.trials import TRIALS
from tests.server.conftest import SLACK

pytestmark = pytest.mark.sqlite


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_it_holds(tmp_path: Path, trial: Trial) -> None:
    lab = Lab(tmp_path, slack=SLACK)
    outcome = trial.run(lab, trial.few)
    assert outcome.trials >= trial.few
    assert outcome.wrong == []
    assert lab.leaks() == []
