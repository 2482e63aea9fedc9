"""All trials, in the order of the table."""

from tests.faults import (
    copies,
    disk,
    fuzz,
    guessing,
    kills,
    load,
    power,
    privacy,
    sessions,
    slow,
    soak,
    tokens,
    wires,
)
from tests.faults.lab import Trial

TRIALS: tuple[Trial, ...] = (
    *kills.TRIALS,
    *power.TRIALS,
    *disk.TRIALS,
    *copies.TRIALS,
    *load.TRIALS,
    *fuzz.TRIALS,
    *tokens.TRIALS,
    *sessions.TRIALS,
    *guessing.TRIALS,
    *slow.TRIALS,
    *wires.TRIALS,
    *soak.TRIALS,
    *privacy.TRIALS,
)
