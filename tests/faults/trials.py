"""All trials, in the order of the table."""

from tests.faults import copies, guessing, kills, load, privacy, sessions, slow, soak
from tests.faults.lab import Trial

TRIALS: tuple[Trial, ...] = (
    *kills.TRIALS,
    *load.TRIALS,
    *slow.TRIALS,
    *privacy.TRIALS,
    *soak.TRIALS,
    *copies.TRIALS,
    *sessions.TRIALS,
    *guessing.TRIALS,
)
