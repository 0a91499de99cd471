"""What no threshold tells, on real digits."""

from __future__ import annotations

from demo import judging


def test_a_run_that_is_worse_than_good_runs_were_is_told_while_every_threshold_holds():
    worse = judging.worse_than_expected(judging.reference())
    told = next(one for one in worse if one.deviation > judging.DEVIATION)
    assert told.step <= judging.STEPS / 2
    later = [one for one in worse if one.step > judging.STEPS / 2]
    assert all(one.loss < judging.LOSS_ABOVE and one.accuracy > judging.ACCURACY_BELOW for one in later)


def test_a_flipped_bit_of_one_weight_is_told():
    before, after = judging.flipped_bit()
    assert before == 0
    assert after > 0


def test_the_risk_rises_before_the_threshold_is_crossed():
    wild = judging.out_of_hand()
    at_risk = next(one.step for one in wild if one.risk > judging.RISK)
    crossed = next(one.step for one in wild if one.step > 700 and one.loss > judging.LOSS_ABOVE)
    assert 700 < at_risk < crossed


def test_detectors_find_the_gradients_changed_before_the_loss_and_both_before_the_threshold_is_crossed():
    with judging.watched() as monitor:
        first: dict[str, int] = {}
        for reading in judging.train(monitor, 101, rate=judging.growing):
            for signal in ("gradient_norm", "loss"):
                if judging.published(monitor)("anomalies_total", signal, "cusum") > 0:
                    first.setdefault(signal, reading.step)
            if reading.step == 1000:
                break
    assert 700 < first["gradient_norm"] < first["loss"] < 1000


def test_a_healthy_run_is_neither_off_nor_at_risk():
    with judging.watched(judging.reference(2)) as monitor:
        found = list(judging.train(monitor, 300))
    assert not [one for one in found if one.deviation > judging.DEVIATION or one.risk > judging.RISK]
