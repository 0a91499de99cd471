"""What no threshold finds, on real digits."""

from __future__ import annotations

from statistics import median

from simulation import diagnostics


def test_a_run_that_is_worse_than_good_runs_were_is_found_while_every_threshold_holds():
    worse = diagnostics.worse_than_expected(diagnostics.reference())
    found = next(one for one in worse if one.deviation > diagnostics.DEVIATION)
    assert found.step <= diagnostics.STEPS / 2
    later = [one for one in worse if one.step > diagnostics.STEPS / 2]
    assert all(
        one.loss < diagnostics.LOSS_ABOVE and one.accuracy > diagnostics.ACCURACY_BELOW for one in later
    )


def test_a_flipped_bit_of_one_weight_is_found():
    before, after = diagnostics.flipped_bit()
    assert before == 0
    assert after > 0


def test_the_risk_rises_before_the_threshold_is_crossed():
    wild = diagnostics.diverging()
    at_risk = next(one.step for one in wild if one.risk > diagnostics.RISK)
    crossed = next(
        one.step for one in wild if one.step > diagnostics.GROWS_FROM and one.loss > diagnostics.LOSS_ABOVE
    )
    assert diagnostics.GROWS_FROM < at_risk < crossed


def first_alarms(seed):
    """Steps at which a detector first finds the gradient norm and the loss changed, of a run that diverges."""
    first = {}
    with diagnostics.watched() as monitor:
        for reading in diagnostics.train(monitor, seed, rate=diagnostics.growing):
            value = diagnostics.published(monitor)
            for signal in ("gradient_norm", "loss"):
                if value("anomalies_total", signal, "cusum") > 0:
                    first.setdefault(signal, reading.step)
            if len(first) == 2:
                return first["gradient_norm"], first["loss"]
    raise AssertionError(f"found alone: {first}")


def test_half_of_the_diverging_runs_are_found_by_their_gradients_before_any_is_found_by_its_loss():
    gradients, losses = zip(*(first_alarms(seed) for seed in range(101, 106)), strict=True)
    assert diagnostics.GROWS_FROM < median(gradients) < min(losses)


def test_a_healthy_run_is_neither_off_nor_at_risk():
    with diagnostics.watched(diagnostics.reference(2)) as monitor:
        found = list(diagnostics.train(monitor, 300))
    assert not [one for one in found if one.deviation > diagnostics.DEVIATION or one.risk > diagnostics.RISK]
