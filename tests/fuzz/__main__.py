"""Fuzzes for a number of seconds: ``python -m tests.fuzz 600``; rounds have seeds, by which each can be repeated.

Each round is a process of its own, so that one that hangs or dies does not end the others. What failed is written to
``build/fuzz``.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

SAVED = Path("build/fuzz")

#: What a round may count, besides calls.
COUNTS = ("raw errors", "wrong", "hangs", "crashes", "errors of the fuzzer")


def main() -> int:
    """Returns how many kinds of failures were found."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=600.0)
    parser.add_argument("--seed", type=int, help="repeat one round")
    parser.add_argument(
        "--target", action="append", default=[], help="only this one; more than once for several"
    )
    options = parser.parse_args()
    until, counts = (
        time.monotonic() + options.seconds,
        Counter(dict.fromkeys(("calls", "refused", *COUNTS), 0)),
    )
    while True:
        seed = random.randrange(2**32) if options.seed is None else options.seed
        counts.update(_round(seed, options.target))
        counts["rounds"] += 1
        print(
            f"seed {seed}: so far " + ", ".join(f"{count} {name}" for name, count in counts.items()),
            flush=True,
        )
        if options.seed is not None or time.monotonic() > until:
            return sum(counts[name] for name in COUNTS)


def _round(seed: int, targets: list[str]) -> Counter[str]:
    """What one round counted."""
    counts: Counter[str] = Counter()
    command = [sys.executable, "-m", "tests.fuzz.campaign", str(seed), *targets]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    for line in done.stdout.splitlines():
        found = json.loads(line)
        counts.update(calls=found["calls"], refused=found["refused"])
        for failure in found["failures"]:
            counts[failure["kind"]] += 1
            _save(seed, found["target"], failure["text"])
    if done.returncode:
        counts["hangs" if "Timeout (" in done.stderr else "crashes"] += 1
        _save(seed, "process", done.stderr)
    return counts


def _save(seed: int, target: str, text: str) -> None:
    SAVED.mkdir(parents=True, exist_ok=True)
    path = SAVED / f"{seed}-{''.join(c if c.isalnum() else '-' for c in target)}.txt"
    with path.open("a", errors="replace") as file:
        file.write(f"{text}\nAgain: python -m tests.fuzz --seed {seed} --target {target!r}\n\n")
    print(f"{path}:\n{text[-2000:]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
