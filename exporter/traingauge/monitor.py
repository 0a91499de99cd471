"""``ModelMonitor``: the one object a training script needs.

It owns a run from its start to its end: the recorder that training feeds, what delivers the run to Prometheus and
Alertmanager, the state that outlives the process, and the order in which all of this ends.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from traingauge import environment, validation
from traingauge.catalog import SPLITS
from traingauge.core.baseline import parse as parse_baseline
from traingauge.core.collectors import Setup
from traingauge.core.collectors.anomalies import parse as parse_detectors
from traingauge.core.collectors.delivery import DeliveryMetrics
from traingauge.core.collectors.muted import parse as parse_mute
from traingauge.core.copies import Unique
from traingauge.core.disabled import DisabledRecorder, recorder_of_nothing
from traingauge.core.evaluation import Evaluation
from traingauge.core.event_queue import BACKLOG_STEPS
from traingauge.core.events import Checkpointed, EpochEnd
from traingauge.core.facts import facts
from traingauge.core.families import Identity
from traingauge.core.guard import Guard
from traingauge.core.recorder import Recorder
from traingauge.core.thresholds import parse as parse_thresholds
from traingauge.delivery.alerts import Alerts, NoAlerts, Severity, alertmanager_of
from traingauge.delivery.base import Deliveries, Delivery, RunView
from traingauge.delivery.base import checked as checked_deliveries
from traingauge.delivery.http import Endpoint
from traingauge.delivery.remote_write.setting import from_environment
from traingauge.ending import Ending
from traingauge.errors import InvalidTypeError
from traingauge.extras import require
from traingauge.logs import logger
from traingauge.options import Drift, Scoring, State, drift_of, scoring_of, state_of
from traingauge.process.end import End
from traingauge.process.names import NAMES, new_name
from traingauge.process.runs import live_runs
from traingauge.state.directories import DIRECTORIES
from traingauge.state.transient import Transient

if TYPE_CHECKING:
    import pandas

    from traingauge.core.canary_probe import CanaryProbe
    from traingauge.core.collectors.drift import FeatureDrift
    from traingauge.core.thresholds import Threshold
    from traingauge.delivery.alertmanager import Alertmanager
    from traingauge.delivery.registry import RunCollector
    from traingauge.integrations.base import Integration, Session
    from traingauge.reference import Reference
    from traingauge.reference.canary import Canary
    from traingauge.reference.run import ReferenceRun
    from traingauge.stats.classification.tasks import Task
    from traingauge.stats.curves import LearningCurves
    from traingauge.stats.detectors.detector import Detector
    from traingauge.stats.streaming.not_given import Column

B = TypeVar("B", bound=Iterable[Any])


class ModelMonitor(Unique):
    """Publishes what a training run does, for as long as it runs.

    Making a monitor starts the run and its endpoint. Leaving the ``with``, calling :meth:`close` or the end of the process
    ends the run. It is ``failed`` after an exception, ``sys.exit`` with a code, or the death of the thread that trained;
    ``interrupted`` after Ctrl-C, SIGTERM or SIGHUP; else ``finished``. If a Prometheus scrapes the run, the endpoint then
    stays until the end has been scraped too. SIGKILL and ``os._exit`` leave no time for any of this.

    A process may have any number of runs. A new monitor of the same model and run replaces the old one, and a run ends when
    nothing refers to its monitor any more, so a notebook may run a cell again. Copies of a monitor are the monitor itself. A
    forked child, or a process that receives a copy, records nothing, and logs that once.

    What an operator decides can also be set by ``TRAINGAUGE_*`` variables (:mod:`traingauge.environment`); an argument
    wins. With ``TRAINGAUGE_DISABLED=1`` a monitor does nothing at all.

    Args:
        model: Name of the model, by default ``$TRAINGAUGE_MODEL``; or a model of a framework that has an integration, such
            as Keras, which :meth:`fit` then trains.
        run: Name of this run of the model; by default ``$TRAINGAUGE_RUN``, else the time and a few random digits.
        labels: Labels of every series and alert of the run, such as ``{"team": "vision", "tier": "production"}``: up to
            eight, in addition to those of ``$TRAINGAUGE_LABELS``.
        scoring: How predictions are scored; found out from the data by default.
        drift: What features, labels and predictions are compared with, and how.
        reference: Short for ``drift=Drift(reference)``.
        thresholds: For each metric a number (its warning), or a mapping with ``warning`` and ``critical``.
        baseline: Scores to beat on validation and test data, such as those of the model in production.
        mute: Names of alerts that this run does not raise, as what they report is meant: ``["ModelLossDiverging"]`` for a
            GAN. A name that no alert of this version has is logged.
        warmup_steps: Training steps after which a score that never reached its threshold is reported.
        reference_run: A good run of the model. This run is compared with it at the same number of samples.
        detectors: Detectors that watch loss, scores, gradient norm and step time for changes; ``[Cusum()]`` by default,
            ``[]`` for none.
        total_steps: Training steps the run will take; Keras reports them itself.
        delivery: How the run leaves the process; ``[]`` for not at all. By default ``[Endpoint()]``, and
            ``RemoteWrite($TRAINGAUGE_REMOTE_WRITE_URL)`` if that is set.
        progress: Whether a line on standard error shows step, loss and health
            (:class:`~traingauge.delivery.progress_line.ProgressLine`).
        alerts: Where :meth:`send_alert` sends, and where a crash is reported; by default
            ``Alertmanager($TRAINGAUGE_ALERTMANAGER_URL)``, if that is set.
        state: Where the run keeps its state, so that a new process continues it; by default
            ``State($TRAINGAUGE_STATE_DIR)``, if that is set.
        digest_every: Training steps after which training itself digests what was recorded, if nothing has scraped the run
            meanwhile. Until then a NaN is not counted, an anomaly not found, and a loss that is a tensor stays on its
            device. Digesting takes a few microseconds a step, more with a smaller number.
        strict: Whether data that do not fit always raise, as suits a test. By default they raise in the first step or pass
            that gives data of their kind. From then on they are left out, counted in
            ``model_monitor_errors_total{reason="data"}`` and logged once, and training continues.

    Attributes:
        model: Name of the model.
        run: Name of the run.

    Raises:
        PortInUseError: The endpoint's port is taken.
        StateInUseError: A live process uses the directory of ``state``.
        StateDirectoryError: The directory of ``state`` cannot be created, read or written. ``$TRAINGAUGE_STATE_DIR`` that is
            in use or cannot be used only leaves this run without state, which is logged and counted.
        StateMismatchError: The state directory holds another run.
        DamagedFileError: The state directory holds nothing that can be read.
        UnsupportedPlatformError: A state directory needs file locks, which only POSIX has.
        TrainGaugeError: Any other argument or variable that does not fit.

    >>> with ModelMonitor("doc", run="example", delivery=[]) as monitor:
    ...     monitor.step(loss=0.7, y_true=[0, 1, 1], y_pred=[0, 1, 0])
    ...     monitor.state
    'running'
    >>> monitor.state
    'finished'
    """

    def __init__(
        self,
        model: str | Any = None,
        *,
        run: str | None = None,
        labels: Mapping[str, str] | None = None,
        scoring: Scoring | None = None,
        drift: Drift | None = None,
        reference: Reference | None = None,
        thresholds: Mapping[str, float | Mapping[str, float]] | None = None,
        baseline: Mapping[str, float] | None = None,
        mute: Sequence[str] | None = None,
        warmup_steps: int | None = None,
        reference_run: ReferenceRun | None = None,
        detectors: Sequence[Detector] | None = None,
        total_steps: int | None = None,
        delivery: Sequence[Delivery] | None = None,
        progress: bool = False,
        alerts: Alertmanager | None = None,
        state: State | None = None,
        digest_every: int = BACKLOG_STEPS,
        strict: bool = False,
    ) -> None:
        off = environment.DISABLED.resolve(None, False)  # then variables raise nothing
        if model is None:
            model = _name_from_variable(off=off)
        self._wrapped = model
        self._integration = None if isinstance(model, str) else _integration_of(model, otherwise="a name or ")
        self.model = validation.name(
            "model", model if self._integration is None else self._integration.name_of(model)
        )
        run = NAMES.free(self.model, environment.RUN.read()) if run is None else validation.name("run", run)
        own = validation.labels("labels", {} if labels is None else labels)
        self._labels = validation.labels(
            "labels", own if off else {**(environment.LABELS.read() or {}), **own}
        )
        scoring = scoring_of(scoring)
        limits = parse_thresholds({} if thresholds is None else thresholds)
        deliveries = checked_deliveries(_default_deliveries(off=off) if delivery is None else delivery)
        if validation.flag("progress", progress):
            from traingauge.delivery.progress_line import ProgressLine  # most runs do without

            deliveries = (*deliveries, ProgressLine())
        alertmanager = None if off and alerts is None else alertmanager_of(alerts)
        state = state_of(state)
        guard = Guard(strict=validation.flag("strict", strict))
        spooled = any(getattr(one, "needs_rows", False) for one in deliveries)
        keep: Callable[[str, str | None], Transient] = partial(
            DIRECTORIES.open, state, guard, spooled=spooled
        )
        recorder_class = Recorder
        if off:
            recorder_class, deliveries, alertmanager, keep = DisabledRecorder, (), None, _keep_nothing
        setup = Setup(
            scoring,
            _feature_drift(drift_of(drift, reference), limits),
            limits,
            to_beat=parse_baseline({} if baseline is None else baseline),
            mute=parse_mute(() if mute is None else mute),
            warmup_steps=validation.optional_count("warmup_steps", warmup_steps),
            total_steps=validation.optional_count("total_steps", total_steps),
            reference_run=_reference_run(reference_run, self.model, scoring.task),
            detectors=parse_detectors(detectors),
            guard=guard,
        )
        self._recorder = recorder_class(setup, digest_every=validation.count("digest_every", digest_every))
        live_runs.replace(self.model, run, None if state is None else state.directory)
        self._open(run, deliveries, alertmanager, keep)
        weakref.finalize(self, self._ending.lost).atexit = False
        if type(self).step is ModelMonitor.step:  # a subclass may have its own
            self.step = self._recorder.shortcut(self.step)  # type: ignore[method-assign]

    def _open(
        self,
        run: str | None,
        deliveries: Sequence[Delivery],
        alertmanager: Alertmanager | None,
        keep: Callable[[str, str | None], Transient],
    ) -> None:
        """Start everything that has to be closed; if one of it cannot start, the others are closed again."""
        with ExitStack() as undo:
            self._persistence = keep(self.model, run)
            undo.callback(self._persistence.close)
            self.run = self._persistence.run or new_name()
            if run is None:  # the directory has said whose state it holds
                live_runs.replace(self.model, self.run, None)
            self._persistence.restore(self._recorder)
            self._identity = identity = Identity(self.model, self.run, tuple(sorted(self._labels.items())))
            view = RunView(
                identity,
                self._recorder.reader.families,
                partial(facts, identity, self._recorder),
                self._recorder.guard,
                self._persistence.rows,
                self._recorder.collectors[DeliveryMetrics].open,
                partial(getattr, self._recorder.run, "state"),  # without a reference to the monitor
            )
            self._view = view
            with live_runs.starting() if self._recorder.enabled else nullcontext():
                self._start(deliveries, alertmanager)
            undo.pop_all()
        NAMES.keep(*identity.name)
        DIRECTORIES.keep(self._persistence, identity)

    def _start(self, deliveries: Sequence[Delivery], alertmanager: Alertmanager | None) -> None:
        """Start what others see of the run; if one of it cannot start, nothing of it stays."""
        view = self._view
        with ExitStack() as undo:
            self._alerts: Alerts = NoAlerts(view.guard) if alertmanager is None else alertmanager.start(view)
            undo.callback(self._alerts.end, "interrupted", "", 0)
            self._deliveries = Deliveries(deliveries, view)
            undo.callback(self._deliveries.close)
            self._persistence.start(self._recorder, self._identity)
            self._ending = Ending(
                self._identity, self._recorder, self._persistence, self._alerts, self._deliveries
            )
            undo.pop_all()

    # Copies

    def stand_in(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """A copy in this process is this monitor. One in another process records nothing, and says so once."""
        return _elsewhere, (type(self), self.model, self.run)

    # Recording

    def step(
        self,
        loss: Any = None,
        y_true: Any = None,
        y_pred: Any = None,
        features: Any = None,
        sample_weight: Any = None,
        *,
        samples: int = 0,
        steps: int = 1,
        **scalars: Any,
    ) -> None:
        """Record one training step, an update of the weights; any subset of the arguments will do.

        Args:
            loss: Loss of this step, one number. A tensor on a device is copied there, and read at the next scrape; so are
                labels and predictions, of which more than 20 classes are reduced to decisions there.
            y_true: Labels, shape (n,), (n, K) one-hot or multi-label, or the targets of a regression. Masked entries and NaN
                are missing: a multi-label row counts for those of its labels that are known.
            y_pred: Predictions: hard labels, probabilities or logits, shape (n,) or (n, K), or values. Each position of
                images and sequences is a sample; their classes are on the last axis, or the second as in PyTorch. Without
                classes, labels of 0 and 1 at each position are binary masks. Of several outputs, those of one.
            features: Inputs of the model, shape (n, F) or a DataFrame, compared with the reference.
            sample_weight: Shape (n,); weights may be negative, as those of Monte Carlo samples are.
            samples: Samples in the step, if no array shows how many.
            steps: Steps since the last call: 50 in a loop that calls every 50th step. 0 for what belongs to the step of the
                call before, such as the predictions of a further micro-batch: it is recorded, and no step is counted.
            **scalars: Further numbers by name. ``learning_rate`` and ``gradient_norm`` have metrics of their own. A number
                with the name of a score, such as ``accuracy`` or ``f1``, is published as that score of the last step, with
                its best value, thresholds and alerts, in place of labels and predictions. Names that the history or
                another metric has, such as ``time``, are refused.

        Raises:
            TrainGaugeError: An argument that does not fit, in the first step that gives one of its kind; nothing of the step
                is recorded. Later, what does not fit is left out and counted.
            ClosedError: The run has ended.

        Under gradient accumulation, call it once for each update, with the mean loss of the micro-batches:

        >>> with ModelMonitor("doc", delivery=[]) as monitor:
        ...     losses = []
        ...     for batch, loss in enumerate([0.5, 0.7, 0.4, 0.6], start=1):
        ...         losses.append(loss)
        ...         if batch % 2 == 0:  # optimizer.step()
        ...             monitor.step(loss=sum(losses) / 2, samples=64)
        ...             losses.clear()
        ...     print(monitor.rows()["loss"])
        [0.6 0.5]
        """
        self._recorder.step(loss, y_true, y_pred, features, sample_weight, samples, scalars, steps)

    def evaluate(
        self,
        split: str,
        *,
        loss: Any = None,
        y_true: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        **scalars: Any,
    ) -> None:
        """Record one whole pass over ``validation`` or ``test`` at once; :meth:`evaluation` takes one batch by batch.

        The arguments are those of :meth:`step`, for all samples of the pass.

        Raises:
            TrainGaugeError: An argument that does not fit, in the first pass over the split; nothing of it is recorded.
        """
        with self.evaluation(split) as evaluation:
            evaluation.update(loss=loss, y_true=y_true, y_pred=y_pred, sample_weight=sample_weight, **scalars)

    def evaluation(self, split: str) -> Evaluation:
        """A pass over ``validation`` or ``test``, batch by batch; its results are published when the ``with`` is left.

        Raises:
            UnknownNameError: Another split.

        >>> with ModelMonitor("doc", delivery=[]) as monitor:
        ...     with monitor.evaluation("validation") as evaluation:
        ...         evaluation.update(loss=0.75, y_true=[0, 1], y_pred=[0, 1])
        ...         evaluation.update(loss=0.0, y_true=[1], y_pred=[1])
        ...     monitor.history["val_loss"]
        [0.5]
        """
        validation.choice("split of an evaluation", split, SPLITS[1:])
        return Evaluation(self._recorder, split, keeps=self)

    def end_epoch(self) -> None:
        """Record that one pass over the training data is complete. Integrations call it themselves."""
        self._recorder.record(EpochEnd(time.perf_counter()))

    def checkpointed(self) -> None:
        """Record that a checkpoint of the model was saved: it is counted, and the dashboards mark it."""
        self._recorder.record(Checkpointed(time.perf_counter()))

    def busy(self, what: str, *, at_most: float) -> AbstractContextManager[None]:
        """Say inside a ``with`` that the run is busy and takes no step: an upload, a compilation, tokenising.

        The run counts as alive until the ``with`` is left, or ``at_most`` has passed: from then on ``ModelStuck`` has its
        usual patience. The time is no part of the next step. Any number may be open at once, in any threads; the last
        deadline counts. Batches of :meth:`watch` and :meth:`evaluation`, and :meth:`checkpointed`, are signs of life
        themselves.

        Args:
            what: What the run does, for people: one of a few names, without numbers that change. After 20 names further
                ones are published as ``other``.
            at_most: Longest time in seconds that it may take, at least 1. A hang inside is reported after it.

        Raises:
            TrainGaugeError: An argument that does not fit.
            ClosedError: The run has ended.

        >>> with ModelMonitor("doc", delivery=[]) as monitor:
        ...     with monitor.busy("upload", at_most=3600):
        ...         pass  # what takes long
        """
        return self._recorder.busy(
            validation.name("what", what), validation.seconds("at_most", at_most, least=1)
        )

    def watch(self, batches: B, *, features: Callable[[Any], Any] | bool = False) -> B:
        """The same batches; records how long training waits for each, and compares their features if asked to.

        Args:
            batches: Any iterable: a generator, a ``tf.data`` dataset, a DataLoader. The result has its length and its
                attributes, and can be iterated as often.
            features: ``True`` compares each batch with the reference, or its first part if it is a tuple (with labels). A
                function computes the features from that part: of images, sequences, embeddings. For training that does not
                pass ``features`` to :meth:`step`.

        Raises:
            TrainGaugeError: Features that do not fit the reference.

        >>> with ModelMonitor("doc", delivery=[]) as monitor:
        ...     loader = monitor.watch([1, 2])
        ...     for _ in range(2):  # epochs
        ...         print(len(loader), list(loader))
        2 [1, 2]
        2 [1, 2]
        """
        from traingauge.core.watch import watch

        return watch(self._recorder, batches, features, keeps=self)

    def resume_at(self, step: int) -> None:
        """Continue from an earlier training step: that of the checkpoint from which the model was restored.

        ``model_step`` and the history go back to it, so that the run is compared with others at the right place. The
        counters do not, because they count the work that was done. Keras needs no call, if the optimizer is restored with
        the model, as ``BackupAndRestore`` does.

        Args:
            step: Training steps that the restored model has taken, at least 0.

        Raises:
            TrainGaugeError: No whole number of at least 0.
        """
        self._recorder.resume_at(validation.count("step", step, least=0))

    def canary(
        self, canary: Canary, predict: Callable[[Any], Any], *, every: int | None = None
    ) -> CanaryProbe:
        """Check a model's outputs for a fixed batch now and then, and publish how far they are from the recorded ones.

        The first check is made here, the others by ``step()`` of the returned probe, in the training thread: frameworks do
        not let another thread use a model that trains.

        Args:
            canary: Recorded from a trusted model.
            predict: Gives the model's outputs for the canary's inputs.
            every: Calls of ``step()`` from one check to the next; with ``None`` only ``check()`` checks.

        Raises:
            ReferenceMismatchError: The canary of another model.
            ShapeError: Outputs of another shape than the canary has.

        >>> from traingauge import Canary
        >>> trusted = Canary.record("doc", lambda x: 2.0 * x, [1.0, 2.0])
        >>> with ModelMonitor("doc", delivery=[]) as monitor:
        ...     probe = monitor.canary(trusted, lambda x: 2.5 * x, every=100)
        ...     probe.step()
        ...     probe.check().mismatches
        2
        """
        from traingauge.core.canary_probe import CanaryProbe
        from traingauge.reference.canary import validate_canary

        interval = validation.optional_count("every", every) if self._recorder.enabled else None
        validation.function("predict", predict)
        probe = CanaryProbe(
            self._recorder, validate_canary(canary, self.model), predict, interval, keeps=self
        )
        if self._recorder.enabled:
            probe.check()
        return probe

    # Alerts

    def send_alert(
        self,
        name: str,
        summary: str,
        *,
        severity: Severity = "warning",
        description: str = "",
        labels: Mapping[str, str] | None = None,
        resolves_after: float = 300.0,
    ) -> None:
        """Send an alert that no metric carries; training does not wait for it.

        Without an Alertmanager (``alerts=``) nothing is sent. That is counted, and logged once.

        Args:
            name: Name of the alert, such as ``LabelAuditFailed``. ``Model`` in front is for the alerts of the rules.
            summary: What is wrong, in one sentence.
            severity: ``critical``, ``warning`` or ``info``.
            description: What to look at.
            labels: Further labels; other labels make it another alert.
            resolves_after: Seconds after which the alert ends by itself. Sending it again keeps it active.

        Raises:
            TrainGaugeError: An argument that does not fit.
        """
        self._alerts.send(
            name,
            summary,
            severity=severity,
            description=description,
            labels=labels,
            resolves_after=resolves_after,
        )

    def resolve_alert(self, name: str, *, labels: Mapping[str, str] | None = None) -> None:
        """End an alert that was sent with these labels; one that is not active is left alone."""
        self._alerts.resolve(name, labels)

    # What is watched

    def describe(self, model: Any) -> None:
        """Publish the structure of a model: parameters, optimizer, loss, and a digest of its architecture.

        They appear in ``model_run_info``, in ``model_parameters`` and on the landing page. A change of the architecture
        within a run, or from the process before, is counted and logged.

        Args:
            model: A module of PyTorch, or a Keras model. Shapes and parameters of the latter are known once it is built,
                optimizer and loss once it is compiled.

        Raises:
            InvalidTypeError: A model of no framework that is known.
        """
        self._recorder.describe(_integration_of(model).describe(model))

    # Frameworks

    @property
    def session(self) -> Session:
        """What integrations talk to: all that they may touch of the run."""
        return self._recorder

    def fit(self, *args: Any, **kwargs: Any) -> dict[str, list[float]]:
        """Train the model that the monitor was made with, with everything recorded.

        Args:
            *args: Those of the model's own ``fit``.
            **kwargs: Those of the model's own ``fit``, and those of its integration. Keras has ``test_data``, which is
                evaluated once after training, and ``canary`` and ``canary_every``, as in
                :class:`traingauge.integrations.keras.MonitorCallback`.

        Returns:
            The history, as :attr:`history` has it.

        Raises:
            InvalidTypeError: The monitor was made with a name, or with a model that has no ``fit``, such as PyTorch's.
        """
        if self._integration is None:
            raise InvalidTypeError(
                f"this monitor has the name {self.model!r} and no model: ModelMonitor(model) can fit"
            )
        if not hasattr(self._integration, "fit"):
            raise InvalidTypeError(
                f"a {type(self._wrapped).__name__} has no fit: "
                "traingauge.integrations.torch.watch records the loop that trains it"
            )
        self._integration.fit(self._wrapped, self, *args, **kwargs)
        return self.history

    # Reading

    @property
    def url(self) -> str | None:
        """Address of the run at the first delivery, ``None`` if it has none; an endpoint has ``/metrics`` below it."""
        return self._deliveries.url

    @property
    def state(self) -> str:
        """``running``, ``finished``, ``failed`` or ``interrupted``."""
        return self._recorder.run.state

    @property
    def history(self) -> dict[str, list[float]]:
        """What was published at the end of each epoch and pass.

        Names are those of the metrics, ``loss``, ``accuracy`` and so on; those of ``validation`` and ``test`` begin with
        ``val_`` and ``test_``. A training entry is what the gauges read when the epoch ended: the last step's loss, and the
        scores of the rolling window. What is not published then, such as the loss where no step has given one, has no entry;
        NaN is a loss that was NaN, or an undefined score.
        """
        return self._recorder.reader.history()

    def rows(self, split: str = "train") -> dict[str, Column]:
        """Everything recorded of a split, at full resolution, by column: ``step``, ``time``, ``loss`` and so on.

        A row is a training step, or a whole pass over ``validation`` or ``test``. Columns are masked arrays: an entry that
        was not given is masked; NaN is a NaN that was given, or an undefined score. Training scores are read every few
        dozen steps. With ``state=`` the rows of the run are kept on disk, up to its ``log_bytes``, else at least the
        last 65 536.

        Raises:
            UnknownNameError: Another split.

        >>> with ModelMonitor("doc", delivery=[]) as monitor:
        ...     monitor.step(loss=0.5)
        ...     monitor.step(entropy=2.0)
        ...     monitor.step(loss=float("nan"))
        ...     print(monitor.rows()["loss"])
        [0.5 -- nan]
        """
        validation.choice("split", split, SPLITS)
        return self._recorder.reader.rows(split, self._persistence.read)

    def frame(self, split: str = "train") -> pandas.DataFrame:
        """The same as a pandas DataFrame, by step; there NaN also stands for what was not given."""
        pandas = require("pandas", "parquet")
        rows = self.rows(split)
        plain = {name: column.filled() for name, column in rows.items()}
        return pandas.DataFrame(plain).set_index("step") if rows else pandas.DataFrame()

    def plot(self, *columns: str) -> Any:
        """A matplotlib figure of the run, with a panel for each column and a line for each split.

        Args:
            *columns: Names of columns of :meth:`rows`; by default those of loss and accuracy that the run has.

        Raises:
            UnknownNameError: A column that no split has.
        """
        from traingauge.plot import plot

        return plot({split: self.rows(split) for split in SPLITS}, columns, f"{self.model}, run {self.run}")

    @property
    def curves(self) -> LearningCurves:
        """Learning curves of loss, gradient norm and scores so far: what :meth:`traingauge.ReferenceRun.record` takes."""
        return self._recorder.reader.curves()

    @cached_property
    def collector(self) -> RunCollector:
        """The run as a collector for a prometheus_client registry of your own; one collector can take several runs."""
        from traingauge.delivery.registry import RunCollector

        return RunCollector(self._identity, self._recorder.reader.families)

    def __repr__(self) -> str:
        url = "" if self.url is None else f", {self.url}"
        return f"<ModelMonitor {self.model!r} run {self.run!r}: {self.state}{url}>"

    # The end

    def _ipython_display_(self) -> None:
        """A notebook shows a card, which keeps up with the run, where the monitor is the last expression of a cell."""
        from traingauge.delivery.notebook_card import NotebookCard  # most runs do without

        NotebookCard(self._view).show()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.end_after(error)

    def close(self, state: str = "finished") -> None:
        """End the run; a second call does nothing.

        Args:
            state: ``finished``, ``failed`` or ``interrupted``.
        """
        if state == "finished":
            self._ending.end_after(None)
        else:
            self._ending.end(End(state))


def _elsewhere(kind: type[ModelMonitor], model: str, run: str) -> ModelMonitor:
    """What stands in for the monitor of another process, which this one received a copy of."""
    monitor = kind.__new__(kind)
    monitor._wrapped = monitor._integration = None
    monitor.model, monitor._labels, monitor._recorder = model, {}, recorder_of_nothing()
    monitor._open(run, (), None, _keep_nothing)
    live_runs.discard(monitor._ending)
    logger.warning(
        "a copy of the monitor of run %s of %s has reached process %d: it records nothing here; make a monitor in it",
        run,
        model,
        os.getpid(),
    )
    return monitor


# What most runs need not load is imported where it is used.


def _name_from_variable(*, off: bool) -> str:
    """The name of a model that the script does not give; while monitoring is switched off, none is needed."""
    name = environment.MODEL.read() or ("unnamed" if off else None)
    if name is None:
        raise InvalidTypeError(
            f"model is not given, and {environment.MODEL.name} is not set: expected a name in one of the two"
        )
    return name


def _integration_of(model: object, *, otherwise: str = "") -> Integration:
    from traingauge.integrations.base import integration_of

    return integration_of(model, otherwise=otherwise)


def _feature_drift(settings: Drift | None, limits: Iterable[Threshold]) -> FeatureDrift | None:
    if settings is None:
        return None
    from traingauge.core.collectors.drift import feature_drift

    return feature_drift(settings, limits)


def _reference_run(given: ReferenceRun | None, model: str, task: Task | None) -> ReferenceRun | None:
    if given is None:
        return None
    from traingauge.reference.run import validate_reference_run

    return validate_reference_run(given, model, task)


def _default_deliveries(*, off: bool) -> list[Delivery]:
    if off:
        return []
    remote_write = from_environment()
    return [Endpoint()] if remote_write is None else [Endpoint(), remote_write]


def _keep_nothing(model: str, run: str | None) -> Transient:
    return Transient(run)
