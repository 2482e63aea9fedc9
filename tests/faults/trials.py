"""All trials, in the order of the table."""

from tests.faults import copies, disk, guessing, kills, power, sessions
from tests.faults.lab import Trial

TRIALS: tuple[Trial, ...] = (
    *kills.TRIALS,
    *power.TRIALS,
    *disk.TRIALS,
    *copies.TRIALS,
    *sessions.TRIALS,
    *guessing.TRIALS,
)
