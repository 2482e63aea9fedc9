"""Everything at once for a long time: nothing fails, and memory, handles and files stay level."""

import os
import statistics
import time
from collections import Counter

from tests.faults.lab import Lab, Outcome, Service, Trial
from tests.faults.users import KINDS, Users
from tests.server.conftest import memory

LOOKS = 300  # at the processes, over the whole time; fewer where it is short
LOG_BYTES = 64e6  # the most that SQLite's log may have: it starts anew when no reader needs it any more
SETTLED_SECONDS = 120.0  # until all caches are full
# What the last third may have more than the second: a share, and an amount. Where the first third is too short to fill
# the caches, memory is judged grossly.
MORE = {"memory": (0.05, 2e6), "handles": (0.0, 4), "threads": (0.0, 2), "files": (0.0, 4)}
GROSSLY_MORE = {**MORE, "memory": (0.05, 16e6), "handles": (0.0, 16)}

Look = dict[str, float]


def look_at(service: Service) -> Look:
    """What the service has, in numbers: of each process memory, handles and threads; its log, and temporary files."""
    found: Look = {}
    for name, pid in {"master": service.process.pid, **{f"worker {pid}": pid for pid in service.workers()}}.items():
        found[f"memory of {name}"] = memory(pid, "VmRSS")
        found[f"handles of {name}"] = len(os.listdir(f"/proc/{pid}/fd"))
        found[f"threads of {name}"] = len(os.listdir(f"/proc/{pid}/task"))
    found["files"] = len(temporary(service))
    found["log"] = service.file.with_name(f"{service.file.name}-wal").stat().st_size
    return found


def temporary(service: Service) -> list[str]:
    """What lies in its folder for temporary files, but for what workers count."""
    return [name for name in os.listdir(service.folder / "tmp") if not name.startswith("clientes-metrics-")]


def soak(lab: Lab, trials: int) -> Outcome:
    """Let everybody work, and look at the processes all the while. A trial is a second."""
    outcome, looks = Outcome(trials), list[Look]()
    with lab.service() as service:
        pids, users = service.workers(), Users(service)
        with users.working():
            began = time.monotonic()
            while (passed := time.monotonic() - began) < trials:
                looks.append(look_at(service))
                time.sleep(max(trials / LOOKS, 0.05))
        _judge(looks, GROSSLY_MORE if trials / 3 < SETTLED_SECONDS else MORE, outcome)
        outcome.check(service.workers() == pids, "a worker was replaced")
        outcome.check(not temporary(service), f"left behind: {temporary(service)[:3]}")
        _look_at_answers(users.answers, outcome)
    outcome.figures = f"{users.answers.total() / passed:,.0f} answers/s; {outcome.figures}"
    return outcome


def _judge(looks: list[Look], more: dict[str, tuple[float, float]], outcome: Outcome) -> None:
    """Note what grew from the second third of the looks to the last.

    Medians, because an import or an export has memory for a moment: a look in that moment says nothing. A leak shows in
    them as what it adds in a third of the time. Over 30 minutes, with some 300 answers a second from a worker of
    100 MB, 5 % and 2 MB are about 40 bytes for each answer.
    """
    third = len(looks) // 3
    grown: Counter[str] = Counter()
    for name in looks[-1].keys() - {"log"}:
        before, after = (
            statistics.median(look.get(name, 0) for look in part) for part in (looks[third : 2 * third], looks[-third:])
        )
        share, amount = more[name.split()[0]]
        outcome.check(after <= before * (1 + share) + amount, f"{name}: {before:,.0f}, then {after:,.0f}")
        grown[f"{name.split()[0]} before"] += before
        grown[f"{name.split()[0]} after"] += after
    log = max(look["log"] for look in looks)
    outcome.check(log < LOG_BYTES, f"the log grew to {log:,.0f} bytes")
    outcome.figures = (
        f"memory {grown['memory before'] / 1e6:.1f}, then {grown['memory after'] / 1e6:.1f} MB; handles "
        f"{grown['handles before']:.0f}, then {grown['handles after']:.0f}; log {log / 1e6:.1f} MB at most"
    )


def _look_at_answers(answers: Counter[tuple[str, int]], outcome: Outcome) -> None:
    """Note what failed, and what was never asked for."""
    failed = {told: count for told, count in answers.items() if not 200 <= told[1] < 300}
    outcome.check(not failed, f"failures: {failed}")
    outcome.check(answers.total() > 20 * outcome.trials, f"only {answers.total()} answers")
    missing = KINDS - {kind for kind, status in answers if status < 300}
    outcome.check(not missing, f"never done: {missing}")


TRIALS = (
    Trial("soak", "reads, writes, batches, files, sessions, scrapes and backups at once, for so many seconds",
          "no failure; memory, handles and files level", soak, 1_800, 4, "tests.faults.controls:keep_everything", 3),
)  # fmt: skip
