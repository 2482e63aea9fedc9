"""Print the table: `python -m tests.faults [--only NAME,…] [--few] [--control]`. Exit 1 if a promise was broken."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.lab import Lab
from tests.faults.trials import TRIALS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names of trials, separated by commas")
    parser.add_argument("--few", action="store_true", help="the few trials of the suite")
    parser.add_argument("--control", action="store_true", help="on a service that breaks the promise")
    parser.add_argument("--count", type=int, help="so many trials")
    given = parser.parse_args()
    wanted = [trial for trial in TRIALS if not given.only or trial.name in given.only.split(",")]
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    is_good = True
    print("| trial | fault | must hold | trials | wrong | recovery | figures | took |", "|---" * 8 + "|", sep="\n")
    for trial in wanted:
        lab = Lab(folder / trial.name, trial.control if given.control else "")
        count = given.count or (trial.control_trials if given.control else trial.few if given.few else trial.many)
        began = time.monotonic()
        outcome = trial.run(lab, count)
        leaks = [] if given.control else lab.leaks()
        took = time.monotonic() - began
        wrong = [*outcome.wrong, *(f"a leak in {leak}" for leak in leaks)]
        print(
            f"| {trial.name} | {trial.fault} | {trial.holds} | {outcome.trials:,} | {len(wrong)} "
            f"| {outcome.recovery:.2f} s | {outcome.figures} | {took:.0f} s |",
            flush=True,
        )
        (folder / f"{trial.name}.txt").write_text("\n".join(wrong), encoding="utf-8")
        for line in wrong[:5]:
            print(f"  {trial.name}: {line}", file=sys.stderr, flush=True)
        is_good = is_good and bool(outcome.wrong) == given.control and not leaks
    if is_good:
        shutil.rmtree(folder)
    else:
        print(f"what is left lies in {folder}", file=sys.stderr)
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
