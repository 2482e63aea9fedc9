"""All trials, in the order of the table."""

from tests.faults import copies, disk, guessing, kills, load, power, privacy, sessions, slow, soak
from tests.faults.lab import Trial

TRIALS: tuple[Trial, ...] = (
    *kills.TRIALS,
    *power.TRIALS,
    *disk.TRIALS,
    *copies.TRIALS,
    *load.TRIALS,
    *sessions.TRIALS,
    *guessing.TRIALS,
    *slow.TRIALS,
    *soak.TRIALS,
    *privacy.TRIALS,
)
