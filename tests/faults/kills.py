"""Processes that end in the middle of what they do."""

import os
import signal
import time
from collections.abc import Callable

from tests.faults.lab import Lab, Outcome, Service, Trial, is_alive
from tests.faults.writers import Writer, compare, settle, working

WRITERS = 8
ROUNDS = 25  # on one database
READY_SECONDS = 3.0
GONE_SECONDS = 30.0


def writers_of(lab: Lab) -> list[Writer]:
    return [Writer(f"W{number}") for number in range(WRITERS)]


def _end_often(lab: Lab, trials: int, end: Callable[[Service, Outcome], None]) -> Outcome:
    """End the service at any moment, start it again, ask again what got no answer, and compare."""
    outcome = Outcome()
    while outcome.trials < trials:
        writers = writers_of(lab)
        with lab.service() as service:
            for _ in range(min(ROUNDS, trials - outcome.trials)):
                with working(service, writers):
                    time.sleep(lab.random.uniform(0.05, 0.3))
                    end(service, outcome)
                _start_again(lab, service, writers, outcome)
    return outcome


def kill_all(lab: Lab, trials: int) -> Outcome:
    """Kill master and workers with SIGKILL."""
    return _end_often(lab, trials, lambda service, _: service.kill())


def _start_again(lab: Lab, service: Service, writers: list[Writer], outcome: Outcome) -> None:
    took = service.start()
    outcome.recovery = max(outcome.recovery, took)
    outcome.check(took < READY_SECONDS * lab.slack, f"ready after {took:.1f} s")
    settle(service, writers)
    compare(service, writers, outcome)
    outcome.trials += 1


def kill_worker(lab: Lab, trials: int) -> Outcome:
    """Kill one worker with SIGKILL at any moment: the service answers all the while, and soon has all workers."""
    outcome = Outcome()
    writers = writers_of(lab)
    with lab.service() as service:
        for _ in range(trials):
            with working(service, writers):
                time.sleep(lab.random.uniform(0.05, 0.3))
                victim = lab.random.choice(service.workers())
                began = time.monotonic()
                os.kill(victim, signal.SIGKILL)
                outcome.check(is_alive(service), "no answer after a worker was killed")
                while victim in (left := service.workers()) or len(left) < 2:
                    if time.monotonic() > began + READY_SECONDS * lab.slack:
                        outcome.wrong.append("no worker came in the place of the one that was killed")
                        return outcome
                    time.sleep(0.01)
                outcome.recovery = max(outcome.recovery, time.monotonic() - began)
            settle(service, writers)
            outcome.trials += 1
        compare(service, writers, outcome)
    return outcome


def terminate(lab: Lab, trials: int) -> Outcome:
    """End the service by SIGTERM, as a host does: all that was begun is answered."""
    longest = 0.0

    def end(service: Service, outcome: Outcome) -> None:
        nonlocal longest
        began = time.monotonic()
        code = service.stop()
        took = time.monotonic() - began
        longest = max(longest, took)
        outcome.check(code == 0, f"ended with {code}")
        outcome.check(took < GONE_SECONDS, f"gone after {took:.1f} s")

    outcome = _end_often(lab, trials, end)
    outcome.figures = f"gone in {longest:.1f} s"
    return outcome


CONTROLS = "tests.faults.controls"
TRIALS = (
    Trial("kill-all", "kill -9 of all processes under write load", "nothing acknowledged lost or doubled; ready in 3 s",
          kill_all, 1_000, 4, f"{CONTROLS}:start_without_the_log", 2),
    Trial("kill-worker", "kill -9 of one worker under write load", "the service goes on; nothing lost or doubled",
          kill_worker, 200, 4, f"{CONTROLS}:keep_no_workers", 3),
    Trial("sigterm", "SIGTERM under write load", "nothing acknowledged lost; gone in 30 s",
          terminate, 100, 3, f"{CONTROLS}:forget_some_writes", 3),
)  # fmt: skip
