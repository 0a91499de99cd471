"""What is logged once of a watched loop: what is guessed or not known of it, and how the loop can say what holds."""

from __future__ import annotations

from traingauge.logs import logger


class Notices:
    """Logs each notice once, with the optimizer ``of`` which it is, if there are several by name."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def assumed(self, passes: int, of: str = "") -> None:
        """The mean of passes was taken for the loss, which may be their sum."""
        self._once(
            "the loop called backward %d times before an update%s, and does not divide the losses. They are taken for "
            "micro-batches, and their mean is published. If they are terms of one loss, such as those of real and of made "
            'samples, pass accumulation="sum" to watch(…); accumulation="mean" confirms micro-batches',
            passes,
            of,
        )

    def divided(self, divisor: int, of: str = "") -> None:
        """A loss was taken as it is, which may be divided by micro-batches."""
        self._once(
            "the loop called backward once before an update%s, on its loss divided by %d, which is published as it is. If "
            "it divides by the micro-batches of an update, of which others have more, pass accumulation=%d to watch(…); "
            'accumulation="sum" confirms what is published',
            of,
            divisor,
            divisor,
        )

    def restored(self, divisor: int, of: str = "") -> None:
        """A loss was multiplied by the number that divides it, which may be a weight."""
        self._once(
            "the loop called backward once before an update%s, on its loss divided by %d, as those of micro-batches before. "
            "It is taken for a short window, and published times %d. If it has a weight instead, pass "
            'accumulation="sum" to watch(…); accumulation=%d confirms what is published',
            of,
            divisor,
            divisor,
            divisor,
        )

    def unknown(self, passes: int, of: str = "", divisor: int | None = None) -> None:
        """An update has no loss, of one or more passes; with a number by which all were divided, if there is one."""
        if divisor is not None:
            self._once(
                "the loop called backward %s before an update%s, on losses divided by %d, so such a step has no loss: "
                "pass accumulation=%d to watch(…) if that is the number of micro-batches of an update, of which others have "
                'more, or accumulation="sum" if it is a weight',
                "once" if passes == 1 else f"{passes} times",
                of,
                divisor,
                divisor,
            )
        elif passes > 1:
            self._once(
                "the loop called backward %d times before an update%s, and how it weighs them cannot be read from it, so "
                "such a step has no loss: pass accumulation=N to watch(…) if the loop divides by a number N of "
                'micro-batches, accumulation="sum" if it weighs them, or accumulation="mean" if it does neither',
                passes,
                of,
            )
        else:
            self._once(
                "the loop computed gradients from a loss, and what of cannot be read from it, so such a step has no loss: "
                "call backward() on the loss, or record the loop with monitor.step(loss=…) instead"
            )

    def left_out(self) -> None:
        """No pass before an update reached a weight of its optimizer."""
        self._once(
            "no backward pass before an update reached a weight of its optimizer, so such a step has no loss: make the "
            "optimizer from the parameters that the loop trains"
        )

    def none_seen(self, of: str = "") -> None:
        """Nothing that is watched computed a loss before an update."""
        self._once(
            "no criterion that is watched computed a loss before an update%s, so such a step has no loss: pass the "
            "criterion that the loop calls to watch(…), or what a function computes to loss = watched.loss(loss)",
            of,
        )

    def tried(self) -> None:
        """A pass at weights that the loop has moved for it is no part of its step."""
        self._once(
            "the loop moved the weights between two calls of backward before an update, and back again, as sharpness-aware "
            "minimisation does: the loss of such a step is the one before that, at the weights of the step"
        )

    def no_step(self) -> None:
        """The optimizer that is watched is not the one that trains."""
        self._once(
            "the loop computed gradients, but the optimizer that is watched took no step, so none was recorded: pass the "
            "optimizer whose step() the loop calls"
        )

    def _once(self, message: str, *args: object) -> None:
        if message not in self._given:
            self._given.add(message)
            logger.warning(message, *args)
