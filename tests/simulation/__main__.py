"""Run many histories: `python -m tests.simulation --seeds 1-1000`. Exit 1 if one went wrong."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.simulation.controls import CONTROLS
from tests.simulation.runner import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1-1000", help="first and last seed")
    parser.add_argument("--jobs", type=int, default=2, help="histories side by side")
    parser.add_argument("--control", choices=CONTROLS, help="break the service so, and stop when that is found out")
    given = parser.parse_args()
    first, last = map(int, given.seeds.split("-"))
    folder = Path(tempfile.mkdtemp(prefix="simulation-"))
    began, done, failed, answers = time.monotonic(), 0, 0, 0
    for outcome in run(range(first, last + 1), given.jobs, folder, given.control):
        done, answers = done + 1, answers + outcome.answers
        faults = [
            fault for fault in outcome.faults if not given.control or fault.split(":")[0] in CONTROLS[given.control][1]
        ]
        if faults:
            failed += 1
            print(f"seed {outcome.seed}, in {folder / str(outcome.seed)}:", *faults[:5], sep="\n  ")
            if given.control:
                break
        if done % 50 == 0:
            print(f"{done} histories, {failed} failed, {time.monotonic() - began:.0f} s", flush=True)
    seconds = time.monotonic() - began
    print(f"{done} histories from seed {first}, {answers} answers, {failed} failed, {seconds:.0f} s")
    if given.control or not failed:
        shutil.rmtree(folder)
    sys.exit(bool(failed) != bool(given.control))


if __name__ == "__main__":
    main()
