"""All trials, in the order of the table."""

from tests.faults import copies, fuzz, guessing, kills, sessions, tokens, wires
from tests.faults.lab import Trial

TRIALS: tuple[Trial, ...] = (
    *kills.TRIALS, *copies.TRIALS, *sessions.TRIALS, *guessing.TRIALS, *fuzz.TRIALS, *wires.TRIALS, *tokens.TRIALS,
)  # fmt: skip
