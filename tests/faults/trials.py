"""All trials, in the order of the table."""

from tests.faults import disk, kills, power
from tests.faults.lab import Trial

TRIALS: tuple[Trial, ...] = (*kills.TRIALS, *power.TRIALS, *disk.TRIALS)
