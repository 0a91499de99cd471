"""Three faults that no threshold finds, on real data: ``python -m demo.diagnostics``.

A small network learns scikit-learn's handwritten digits. Its deviation from good runs finds a run with wrong labels while
every threshold holds, a canary finds a flipped bit in one weight, and the probability of failing rises before a diverging
loss crosses its threshold.
"""

from __future__ import annotations

from simulation.diagnostics import (
    ACCURACY_BELOW,
    DEVIATION,
    GROWS_FROM,
    LOSS_ABOVE,
    RISK,
    STEPS,
    diverging,
    flipped_bit,
    reference,
    worse_than_expected,
)


def main() -> None:
    """Train, and print what was found."""
    print("Training three good runs for reference ...", flush=True)
    worse = worse_than_expected(reference())
    found = next(reading for reading in worse if reading.deviation > DEVIATION)
    late = [reading for reading in worse if reading.step > STEPS / 2]
    holds = all(reading.loss < LOSS_ABOVE and reading.accuracy > ACCURACY_BELOW for reading in late)
    print("\nA tenth of the training labels is wrong")
    print(
        f"  deviation from good runs above {DEVIATION:g}: from step {found.step} of {STEPS} (loss {found.loss:.2f})"
    )
    print(
        f"  validation accuracy at the end: {worse[-1].accuracy:.3f}; every threshold holds: {'yes' if holds else 'no'}"
    )

    before, after = flipped_bit()
    print("\nOne bit of one weight flips")
    print(f"  canary samples with another output: {before} before, {after} after")

    wild = diverging()
    at_risk = next(reading for reading in wild if reading.risk > RISK)
    crossed = next((one for one in wild if one.step > at_risk.step and one.loss > LOSS_ABOVE), None)
    print(f"\nThe learning rate grows from step {GROWS_FROM}")
    print(f"  probability of failing above {RISK:g}: from step {at_risk.step} (loss {at_risk.loss:.2f})")
    print(
        f"  loss above its threshold of {LOSS_ABOVE:g}: from step {'-' if crossed is None else crossed.step}"
    )


if __name__ == "__main__":
    main()
