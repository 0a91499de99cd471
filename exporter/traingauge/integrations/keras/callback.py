"""Keras: a callback that records ``fit`` and ``evaluate``.

The values come from inside of the steps (:mod:`traingauge.integrations.keras.backends`). The callback only notes when steps
ended, and reads what they left when many steps, or a fraction of a second, have passed.

Scores weigh samples as the model's own loss does: with ``sample_weight``, with the output's mask, and in training with
``class_weight``, which Keras makes sample weights of. Features are compared with the reference as the model gets them; what
is read at once enters the drift window at once.
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import keras

from traingauge import validation
from traingauge.catalog import SPLITS
from traingauge.core.events import EpochEnd, Resumed, WeightsChecked
from traingauge.integrations.base import RunSource
from traingauge.integrations.keras import backends
from traingauge.integrations.keras.after_others import after_others
from traingauge.integrations.keras.left_call import WatchedCall, settle
from traingauge.integrations.keras.structure import describe
from traingauge.reference.canary import validate_canary

if TYPE_CHECKING:
    from traingauge.integrations.base import Monitor, Session
    from traingauge.integrations.keras.backends import Watch
    from traingauge.integrations.keras.canary_check import CanaryCheck
    from traingauge.reference.canary import Canary

Hook = TypeVar("Hook", bound=Callable[..., None])
Logs = Mapping[str, Any] | None

#: Seconds after which the graph's variables are read, at the next step's end.
READ_EVERY = 0.25

#: Ends of steps that are kept until then: more than there is ever room for in the graph.
MOST_ENDS = 1 << 16


def _guarded(hook: Hook) -> Hook:
    """A hook of the callback whose own errors are counted, and that does nothing once the run has ended."""

    @functools.wraps(hook)
    def guarded(self: MonitorCallback, *args: Any, **kwargs: Any) -> None:
        session = self._session
        if session is not None and self._watch is not None and not session.ended:
            session.guard.shield("integration", hook, self, *args, **kwargs)

    return cast("Hook", guarded)


class MonitorCallback(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Records what a model does in ``fit`` and ``evaluate``.

    It also sums up the trainable weights once in a while, and counts tensors that hold NaN or infinite values: a finite loss
    does not imply finite weights, where an activation turns NaN into numbers.

    It also times how long ``fit`` waits for each batch, but not under a strategy of ``tf.distribute`` whose steps are only
    counted.

    It leaves the model's steps wrapped when ``fit`` ends, so that the next ``fit`` need not trace them again; the end of the
    run takes the wrapping off.

    Args:
        monitor: A :class:`~traingauge.ModelMonitor`, whose run stays open; or the name of a model, for which a run is opened
            when ``fit`` or ``evaluate`` begins, and ended when it ends.
        split: Where ``evaluate`` outside of ``fit`` belongs: ``validation`` or ``test``. Inside ``fit`` it is always
            ``validation``.
        gradient_norm: Also record the global norm of each step's gradients, before clipping; it costs a pass over them.
        canary: Canary to check during training.
        canary_every: Training steps from one check to the next; ``None`` checks at the end of each epoch.

    Raises:
        UnsupportedBackendError: Keras runs on a backend that the callback does not serve.
        UnknownNameError: Another split.
        ReferenceMismatchError: The canary of another model.
        TrainGaugeError: Any other argument that does not fit.
    """

    def __init__(
        self,
        monitor: Monitor | str,
        split: str = "test",
        *,
        gradient_norm: bool = False,
        canary: Canary | None = None,
        canary_every: int | None = None,
    ) -> None:
        super().__init__()
        self._backend = backends.current()
        if not self._backend.HOOKS_AT_END:
            self.__dict__.update(
                on_train_batch_begin=self._between_steps, on_train_batch_end=super().on_train_batch_end
            )
        self._runs = RunSource(monitor)
        self._split = validation.choice("split of an evaluation", split, SPLITS[1:])
        self._gradient_norm = gradient_norm
        self._canary = None if canary is None else validate_canary(canary, self._runs.model)
        self._canary_every = None if canary_every is None else validation.count("canary_every", canary_every)
        self._session: Session | None = None
        self._call: WatchedCall | None = None
        self._check: CanaryCheck | None = None
        self._watch: Watch | None = None
        self._fitting = self._begun = False  # inside of fit; whether a hook was called since set_model
        self._reading = threading.RLock()  # a call that was left may be read by another thread
        self._ends: deque[float] = deque(maxlen=MOST_ENDS)  # a run that has ended reads them no more
        self._resumed = self._read_by = 0.0
        self._read_at = self._together = 1
        self._epoch_steps: int | None = None
        self._taken = self._asked = 0
        self._planned = self._described = self._counted = False

    def __reduce__(self) -> tuple[Callable[[], MonitorCallback], tuple[()]]:
        """A copy, such as tuners make, has the settings and nothing of a fit; a monitor is never doubled."""
        settings: dict[str, Any] = {
            "split": self._split,
            "gradient_norm": self._gradient_norm,
            "canary": self._canary,
            "canary_every": self._canary_every,
        }
        return functools.partial(type(self), self._runs.given, **settings), ()

    def set_model(self, model: Any) -> None:
        """Keras calls it before it traces anything: the moment to tap the model's steps.

        Raises:
            ClosedError: The run has ended.
            ShapeError: The canary does not fit the model.
        """
        super().set_model(model)
        calls = _calls(model)
        if calls[:1] == ["predict"] or ("fit" in calls[1:] and self._fitting):
            return  # nothing to record, or an evaluation inside of the fit that is being recorded
        settle()
        if self._begun:
            self._left(None)  # an earlier call, whose exception is still kept somewhere
        self._call_ended()
        session = self._begin()
        self._watch = self._check = None
        self._call = WatchedCall(self._left, self._runs) if calls else None
        if not session.enabled:
            return
        session.describe_framework("keras", keras.__version__)
        self._together = int(model.steps_per_execution)
        from traingauge.integrations.keras.canary_check import CanaryCheck

        self._watch = session.guard.shield(
            "integration", self._backend.attach, model, session, gradients=self._gradient_norm
        )
        if self._canary is not None:
            predict = self._backend.predictor(model)
            self._check = CanaryCheck(self._canary, self._canary_every, session, model, predict)

    def _begin(self) -> Session:
        """The run to record: one that was opened for nothing so far, or the next."""
        if self._session is None or self._begun or self._session.ended:
            self._session = self._runs.begin()
        self._begun = False
        return self._session

    def _left(self, error: BaseException | None) -> None:
        """End a call that was left by an exception, which may not be known; there may be none to end."""
        if self._call is None and not self._fitting:
            return
        interrupted = self._call is not None and self._call.interrupted
        self._call_ended()
        self._read_the_rest()
        self._fitting = False
        if error is not None:
            self._runs.end_after(error)
        elif interrupted:
            self._runs.end("interrupted")
        else:
            self._runs.abandon()

    @_guarded
    def _read_the_rest(self) -> None:
        """Record the last steps; those that were planned still are."""
        self._read()
        if self._fitting:
            self._look_at_weights(now=True)

    def _call_ended(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.ended()

    def on_train_begin(self, logs: Logs = None) -> None:
        """Inside of ``fit`` now."""
        self._fitting = self._begun = True
        self._begin_fit()

    @_guarded
    def _begin_fit(self) -> None:
        """Leave out steps that were taken while no run recorded them."""
        watch = self._active
        self._planned = self._described = self._counted = False
        self._epoch_steps = self._given.get("steps")
        self._ends.clear()
        watch.begin_fit()
        watch.before_end = self._before_end
        self._read_at = 1  # what is scored, and so how much room there is, is known after the first

    @property
    def _given(self) -> Mapping[str, Any]:
        """What fit says of itself; nothing in a list of callbacks that a loop makes."""
        return self.params or {}

    @_guarded
    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """What came before is no part of the epoch's first step; all that restores a model has done so by now."""
        if not self._counted:
            self._counted = True
            self._trains()
        planned = None
        if not self._planned and self._epoch_steps and self._given.get("epochs"):
            self._planned = True
            planned = (self._given["epochs"] - epoch) * self._epoch_steps
        self._taken = 0
        self._resumed = time.perf_counter()
        self._active_session.record(Resumed(self._resumed, planned))

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Nothing, without the detour that Keras' own takes to do nothing."""

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Note the time; once in a while, read. Only that is guarded: a guard costs as much as all the rest of a step."""
        now = time.perf_counter()
        self._ends.append(now)
        if len(self._ends) >= self._read_at or now > self._read_by:
            self._read_and_describe()
        if self._check is not None:
            self._ask(after=self._together)

    def _between_steps(self, batch: int, logs: Logs = None) -> None:
        """What the hooks above do, where Keras may call the one at the end of a batch in any thread."""
        if time.perf_counter() > self._read_by:
            self._read_and_describe()
        if self._check is not None:
            self._ask_after_steps()

    @_guarded
    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """End the epoch. The first one reveals the steps per epoch if Keras did not know them."""
        self._read_and_describe()
        if not self._backend.HOOKS_AT_END:
            self._ask_after_steps()
        self._epoch_steps = self._epoch_steps or self._taken
        self._active_session.record(EpochEnd(time.perf_counter()))
        self._agree_on_steps()
        self._ask(after=0)

    def on_train_end(self, logs: Logs = None) -> None:
        """Outside of ``fit`` again, once all callbacks are."""
        after_others(self._leave_fit)

    def _leave_fit(self) -> None:
        self._call_ended()
        self._fitting = False
        self._end_fit()
        self._runs.end()

    @_guarded
    def _end_fit(self) -> None:
        """Steps that ``fit`` did not take, because it was stopped early, are no longer planned."""
        self._look_at_weights(now=True)
        if self._planned:
            self._active_session.record(Resumed(time.perf_counter(), 0))

    def on_test_begin(self, logs: Logs = None) -> None:
        """Begin a pass."""
        self._begun = True
        self._begin_pass()

    @_guarded
    def _begin_pass(self) -> None:
        self._read()
        self._active.begin_pass()

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Note that the pass goes ahead. A hook at the batch's end would keep Keras from dispatching the next meanwhile."""
        if self._session is not None:
            self._session.alive()

    on_predict_batch_begin = on_test_batch_begin

    def on_test_end(self, logs: Logs = None) -> None:
        """Publish the pass, all at once."""
        self._end_pass()
        if not self._fitting:
            self._call_ended()
            self._runs.end()

    @_guarded
    def _end_pass(self) -> None:
        done = self._active.end_pass("validation" if self._fitting else self._split)
        if done is not None:
            self._active_session.record(done)

    @_guarded
    def _agree_on_steps(self) -> None:
        """Compare with the count of the optimizer, which moves on by itself where a graph meets the end of its data.

        A run that continues is rolled back with its model, if that was restored from an older checkpoint.
        """
        counted, at_once = _counted(self.model.optimizer)
        if counted is not None:
            self._active_session.agree_on_step(counted, at_once)

    @_guarded
    def _trains(self) -> None:
        """Say what is trained, once all that restores a model has done so."""
        counted, _ = _counted(self.model.optimizer)
        self._agree_on_steps()
        self._active_session.trains(self.model, fresh=not counted)

    @_guarded
    def _ask(self, after: int) -> None:
        """Run the canary check if it is due; its duration is not part of a step."""
        if self._check is not None and self._check.due(after):
            self._read()
            self._check.ask()
            self._resumed = time.perf_counter()

    @_guarded
    def _ask_after_steps(self) -> None:
        """Run the canary check if it is due by the steps since the last time."""
        asked, self._asked = self._asked, self._active.steps
        if self._check is not None and self._asked > asked:
            self._ask(after=self._asked - asked)

    @_guarded
    def _read_and_describe(self) -> None:
        self._read()
        self._describe()

    def _describe(self) -> None:
        """Say what is trained, once it is built: after a step."""
        if not self._described:
            self._described = True
            self._backend.make_readable(self.model)
            self._active_session.describe(describe(self.model))

    @property
    def _active_session(self) -> Session:
        assert self._session is not None  # no hook runs without
        return self._session

    @property
    def _active(self) -> Watch:
        assert self._watch is not None  # no hook runs without
        return self._watch

    def _read(self) -> None:
        """Record the steps since the last reading."""
        with self._reading:
            ends = list(self._ends)
            self._ends.clear()
            began, self._resumed = self._resumed, ends[-1] if ends else self._resumed
            taken = self._active.read(ends, began)
        self._taken += taken
        self._read_at = max(1, self._active.room // (2 * self._together))
        self._read_by = time.perf_counter() + READ_EVERY
        if taken:
            self._look_at_weights()

    @_guarded
    def _look_at_weights(self, *, now: bool = False) -> None:
        """Check them once in a while, and when training ends; the duration is not part of a step."""
        found = self._active.look_at_weights(now=now)
        if found is not None:
            self._resumed = time.perf_counter()
            self._active_session.record(WeightsChecked(self._resumed, found))

    def _before_end(self) -> None:
        """Read the last steps; what fit left behind if it was interrupted is seen, too."""
        self._read()
        if self._fitting:
            self._look_at_weights(now=True)


def _calls(model: Any) -> list[str]:
    """Which of the model's ``fit``, ``evaluate`` and ``predict`` are running, the innermost first."""
    calls, frame = [], inspect.currentframe()
    while frame is not None:
        name = frame.f_code.co_name
        if name in ("fit", "evaluate", "predict") and frame.f_locals.get("self") is model:
            calls.append(name)
        frame = frame.f_back
    return calls


def _counted(optimizer: Any) -> tuple[int | None, int]:
    """Steps that an optimizer has counted, ``None`` if it does not count each, and how many it counts at once."""
    if optimizer is None or hasattr(optimizer, "inner_optimizer"):  # loss scaling leaves out steps
        return None, 1
    at_once = optimizer.gradient_accumulation_steps or 1
    return int(keras.ops.convert_to_numpy(optimizer.iterations)) * at_once, at_once
