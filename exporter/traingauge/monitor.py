"""``ModelMonitor``: the one object a training script needs.

It owns a run from its start to its end: the recorder that training feeds, the endpoint that Prometheus scrapes, the file
by which Prometheus finds it, and the order in which all of this ends.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from traingauge.catalog import SPLITS
from traingauge.core.baseline import parse as parse_baseline
from traingauge.core.canary import CanaryProbe
from traingauge.core.collectors.anomalies import parse as parse_detectors
from traingauge.core.collectors.run import RunInfo
from traingauge.core.collectors.scores import Scores
from traingauge.core.evaluation import Evaluation
from traingauge.core.events import Checkpointed, DataWaits, EpochEnd, RolledBack
from traingauge.core.families import Identity
from traingauge.core.recorder import BACKLOG_STEPS, Recorder
from traingauge.core.thresholds import Threshold, parse
from traingauge.delivery import discovery
from traingauge.delivery.exposition import Renderer
from traingauge.delivery.http import Server
from traingauge.errors import InvalidArgumentError, InvalidTypeError, ReferenceMismatchError, UnknownNameError
from traingauge.extras import require
from traingauge.options import Drift, Scoring
from traingauge.reference.canary import Canary
from traingauge.reference.run import ReferenceRun, checked
from traingauge.state.persistence import Persistence
from traingauge.stats.streaming.not_given import masked

if TYPE_CHECKING:
    import pandas

    from traingauge.core.collectors.drift import FeatureDrift
    from traingauge.delivery.alertmanager import AlertSender, Severity
    from traingauge.delivery.registry import RunCollector
    from traingauge.integrations.keras.callback import MonitorCallback
    from traingauge.integrations.keras.canary import CanaryCheck
    from traingauge.reference import Reference
    from traingauge.stats.classification.scores import Average
    from traingauge.stats.classification.tasks import Task
    from traingauge.stats.curves import LearningCurves
    from traingauge.stats.streaming.not_given import Column

T = TypeVar("T")

_log = logging.getLogger("traingauge")

#: Where alerts are sent unless the script says otherwise.
ALERTMANAGER_VARIABLE = "TRAINGAUGE_ALERTMANAGER_URL"

#: Seconds for which a crash stays told, and seconds that the end of a run waits for its last alerts to be delivered.
CRASH_TOLD_SECONDS, FLUSH_SECONDS = 1800.0, 5.0

#: Longest name of a model or a run.
NAME_LENGTH = 200


class ModelMonitor:
    """Publishes what a training run does, for as long as it runs.

    Constructing it starts the endpoint; leaving the ``with``, :meth:`close` or the end of the interpreter ends the run. An
    exception that leaves the ``with`` makes the run ``failed``, Ctrl-C ``interrupted``, anything else ``finished``. After
    the end the endpoint stays until Prometheus has scraped it, if a Prometheus has scraped the run before.

    Args:
        model: Name of the model, or a Keras model, which :meth:`fit` then trains.
        run: Name of this run of it; the time and a few random digits if ``None``.
        host: Address to listen on. Nothing but this machine can reach the default.
        port: Port to listen on; 0 picks a free one, which :attr:`url` tells and the discovery file carries.
        thresholds: For each metric a number (its warning), or a mapping with ``warning`` and ``critical``.
        baseline: Scores that the run has to beat on validation and test data, such as those of the model in production.
        reference: What features are compared with.
        drift_window: Samples in the window that is compared with the reference; 1000, or what the reference is calibrated
            for, if ``None``.
        drift_kind: How samples leave that window: ``sliding``, ``tumbling`` or ``decaying``.
        drift_statistics: Published distances, of see :mod:`traingauge.stats.drift.statistics`; the usual ones if ``None``.
        drift_multivariate: Whether features are looked at together as well; it about doubles what a step costs.
        drift_sampling: Share of the rows that drift looks at, in (0, 1]: it bounds what a step costs, and is published.
        drift_distributions: Features whose distribution is published beside the reference's: those that drifted most, with
            up to 24 series each; 0 for none.
        window: Training steps in the rolling window of scores and loss.
        warmup_steps: Training steps after which a score that never reached its threshold is reported.
        expected: A good run of the model, which this one is compared with at the same number of samples.
        detectors: What watches loss, scores, gradient norm and step time for changes: settings by name of the detector,
            ``cusum``, ``ewma``, ``page_hinkley``, ``adwin`` or ``robust_z``; ``{"cusum": {}}`` if ``None``, ``{}`` for none.
        canary: What the Keras model is asked in ``fit``; in a loop of your own pass it to :meth:`canary`.
        canary_every: Training steps from one time to the next; ``None`` to ask at the end of each epoch.
        steps_planned: Training steps the run means to take; Keras tells by itself.
        task: ``"binary"``, ``"multiclass"``, ``"multilabel"`` or ``"regression"``; found out from the data if ``None``.
        classes: Their names in the order of their codes, or their number; found out if ``None``.
        average: How precision, recall and F1 are averaged over classes; ``"binary"`` for two classes, else ``"macro"``.
        decision_threshold: Score from which a binary or multi-label prediction is positive; 0.5 for probabilities.
        from_logits: Whether predictions are logits; found out if ``None``.
        ignore_index: Label that is left out of every score.
        discovery_dir: Where Prometheus looks for runs; :func:`traingauge.delivery.discovery.default_directory` if ``None``,
            ``False`` to write no file.
        alertmanager_url: Where :meth:`send_alert` sends; ``$TRAINGAUGE_ALERTMANAGER_URL`` if ``None``. With either, a
            crash of the run is told as ``TrainingCrashed`` before the process ends.
        state_dir: Directory, of this run alone, in which its state is kept. A new process that is given the same one goes
            on with the run: ``run`` may then be left out, counters go on, and :meth:`resume_at` says from which step.
        save_every: Seconds between two savings of the state at most; after a scrape it is saved sooner.
        digest_every: Training steps after which training itself looks at what was recorded, where nobody has scraped: by
            then a NaN is counted and an anomaly found, and no more losses that are tensors on a device are held than that.
            With fewer a look, which takes a few microseconds a step, is taken more often.
        links: Further links of the landing page: address by title.
        linger: Longest time in seconds to wait, at the end, for the scrape that sees the end.

    Attributes:
        model: Name of the model.
        run: Name of the run.

    Raises:
        PortInUseError: The port is taken.
        StateInUseError: A live process uses the state directory.
        UnsupportedPlatformError: A state directory, where files cannot be locked: not on POSIX.
        StateMismatchError: The state directory holds another run.
        DamagedFileError: The state directory holds nothing that can be read.
        TrainGaugeError: Any other argument that does not fit.

    >>> with ModelMonitor("doc", run="example", discovery_dir=False) as monitor:
    ...     monitor.step(loss=0.7, y_true=[0, 1, 1], y_pred=[0, 1, 0])
    ...     monitor.state
    'running'
    >>> monitor.state
    'finished'
    """

    def __init__(
        self,
        model: str | Any,
        *,
        run: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        thresholds: Mapping[str, float | Mapping[str, float]] | None = None,
        baseline: Mapping[str, float] | None = None,
        reference: Reference | None = None,
        drift_window: int | None = None,
        drift_kind: str = "sliding",
        drift_statistics: Sequence[str] | None = None,
        drift_multivariate: bool = True,
        drift_sampling: float = 1.0,
        drift_distributions: int = 10,
        window: int = 100,
        warmup_steps: int | None = None,
        expected: ReferenceRun | None = None,
        detectors: Mapping[str, Mapping[str, float]] | None = None,
        canary: Canary | None = None,
        canary_every: int | None = None,
        steps_planned: int | None = None,
        task: Task | None = None,
        classes: Sequence[str] | int | None = None,
        average: Average | None = None,
        decision_threshold: float | None = None,
        from_logits: bool | None = None,
        ignore_index: int | None = None,
        discovery_dir: str | os.PathLike[str] | bool | None = None,
        alertmanager_url: str | None = None,
        state_dir: str | os.PathLike[str] | None = None,
        save_every: float = 30.0,
        digest_every: int = BACKLOG_STEPS,
        links: Mapping[str, str] | None = None,
        linger: float = 30.0,
    ) -> None:
        self._keras_model = None if isinstance(model, str) else _keras_model(model)
        self.model = _name("model", model if isinstance(model, str) else model.name)
        save_every = _at_least("save_every", save_every, 0.1)
        self._canary = None if canary is None else self._fitting(canary)
        self._canary_every = None if canary_every is None else _count("canary_every", canary_every)
        self._persistence = Persistence(state_dir, self.model, None if run is None else _name("run", run))
        self.run = self._persistence.run or _new_run_name()
        self._linger = _at_least("linger", linger, 0)
        if discovery_dir is True:
            raise InvalidTypeError(
                "discovery_dir is True: expected a path, None for the default, or False for no file"
            )
        scores = Scores(
            Scoring(task, classes, average, decision_threshold, from_logits, ignore_index, window)
        )
        limits = parse(thresholds or {})
        self._recorder = Recorder(
            RunInfo(),
            scores,
            None
            if reference is None
            else _drift(
                reference,
                limits,
                drift_window,
                drift_distributions,
                drift_statistics,
                kind=drift_kind,
                multivariate=drift_multivariate,
                sampling=drift_sampling,
            ),
            limits,
            loss_window=window,
            warmup_steps=None if warmup_steps is None else _count("warmup_steps", warmup_steps),
            expected=None if expected is None else checked(expected, self.model, task),
            to_beat=parse_baseline(baseline or {}),
            detectors=parse_detectors(detectors),
            digest_every=_count("digest_every", digest_every),
        )
        if steps_planned is not None:
            self._recorder.progress.steps_planned = _count("steps_planned", steps_planned)
        alertmanager_url = alertmanager_url or os.environ.get(ALERTMANAGER_VARIABLE)
        self._alerts = None if alertmanager_url is None else self._alert_sender(alertmanager_url)
        self._persistence.restore(self._recorder)
        self._owner = os.getpid()
        self._closed = False
        self._server = self._serve(host, port, links or {})
        self._discovery = self._announce(discovery_dir)
        self._persistence.start(self._recorder, Identity(self.model, self.run), save_every)
        atexit.register(self._end_with_interpreter)
        if type(self).step is ModelMonitor.step:  # a subclass may have its own
            self.step = self._recorder.shortcut(self.step)  # type: ignore[method-assign]

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
        **scalars: Any,
    ) -> None:
        """Record one training step; any subset of the arguments will do.

        Args:
            loss: Loss of this step, one number. A tensor on a device is read when somebody scrapes, not here.
            y_true: Labels, shape (n,), (n, K) one-hot or multi-label, or the targets of a regression.
            y_pred: Predictions: hard labels, probabilities or logits, shape (n,) or (n, K), or values.
            features: What the model saw, shape (n, F) or a DataFrame, compared with the reference.
            sample_weight: Shape (n,), at least 0.
            samples: Samples in the step, where no array tells.
            **scalars: Further numbers by name. ``learning_rate`` and ``gradient_norm`` have metrics of their own.

        Raises:
            TrainGaugeError: An argument that does not fit; nothing of the step is recorded.
            ClosedError: The run has ended.
        """
        self._recorder.step(loss, y_true, y_pred, features, sample_weight, samples, scalars)

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
            TrainGaugeError: An argument that does not fit; nothing of the pass is recorded.
        """
        with self.evaluation(split) as evaluation:
            evaluation.update(loss=loss, y_true=y_true, y_pred=y_pred, sample_weight=sample_weight, **scalars)

    def evaluation(self, split: str) -> Evaluation:
        """A pass over ``validation`` or ``test``, batch by batch; what it found is published when the ``with`` is left.

        Raises:
            UnknownNameError: Another split.

        >>> with ModelMonitor("doc", discovery_dir=False) as monitor:
        ...     with monitor.evaluation("validation") as evaluation:
        ...         evaluation.update(loss=0.75, y_true=[0, 1], y_pred=[0, 1])
        ...         evaluation.update(loss=0.0, y_true=[1], y_pred=[1])
        ...     monitor.history["val_loss"]
        [0.5]
        """
        if split not in SPLITS[1:]:
            raise UnknownNameError("split of an evaluation", split, SPLITS[1:])
        return Evaluation(self._recorder, split)

    def end_epoch(self) -> None:
        """Say that one pass over the training data is complete; Keras says so by itself."""
        self._recorder.record(EpochEnd(time.perf_counter()))

    def checkpointed(self) -> None:
        """Say that a checkpoint of the model was saved: it is counted, and the dashboards mark it."""
        self._recorder.record(Checkpointed(time.perf_counter()))

    def watch(self, batches: Iterable[T], *, features: Callable[[Any], Any] | bool = False) -> Iterator[T]:
        """The same batches, with the time that training waits for each of them recorded, and their features compared.

        Args:
            batches: Any iterable: a generator, a ``tf.data`` dataset, a DataLoader.
            features: Whether each batch is compared with the reference, or the first of its parts, if it is a tuple (with
                labels): for training that does not give ``features`` to :meth:`step`. A function makes the features of that
                first part: of images, sequences, embeddings.

        Raises:
            TrainGaugeError: Features that do not fit the reference.

        >>> with ModelMonitor("doc", discovery_dir=False) as monitor:
        ...     list(monitor.watch([1, 2]))
        [1, 2]
        """
        source = iter(batches)
        while True:
            started = time.perf_counter()
            try:
                batch = next(source)
            except StopIteration:
                return
            self._recorder.record(DataWaits((time.perf_counter() - started,)))
            if features is not False:
                from traingauge.reference.tables import batch_parts

                first, _ = batch_parts(batch)
                self._recorder.see(first if features is True else features(first))
            yield batch

    def resume_at(self, step: int) -> None:
        """Say from which training step the model goes on: that of the checkpoint it was restored from.

        Keras says so by itself, if what restores the model restores its optimizer, as ``BackupAndRestore`` does.

        ``model_step`` and the history go back to it; the counters do not, as they count the work that was done. Only after
        this is a run that lost the steps since its last checkpoint compared with others at the right place.

        Args:
            step: Training steps that the restored model has taken, at least 0.

        Raises:
            TrainGaugeError: No such number.
        """
        if isinstance(step, bool) or not isinstance(step, int):
            raise InvalidTypeError(f"step is {step!r}: expected a whole number")
        self._recorder.record(RolledBack(int(_at_least("step", step, 0))))
        self._recorder.restarts.resumed = False

    def canary(
        self, canary: Canary, predict: Callable[[Any], Any], *, every: int | None = None
    ) -> CanaryProbe:
        """Ask the model a fixed batch from time to time, and publish how far its answer is from the expected one.

        It is asked once, at once, and then by ``step()`` of what is returned, in the training thread: frameworks do not let
        another thread use a model that trains.

        Args:
            canary: Recorded from a trusted model.
            predict: Gives the model's outputs for the canary's inputs.
            every: Calls of ``step()`` from one check to the next; ``None`` to check on demand, by ``check()``.

        Raises:
            ReferenceMismatchError: The canary of another model.
            ShapeError: Outputs of another shape than the canary has.

        >>> trusted = Canary.record("doc", lambda x: 2.0 * x, [1.0, 2.0])
        >>> with ModelMonitor("doc", discovery_dir=False) as monitor:
        ...     probe = monitor.canary(trusted, lambda x: 2.5 * x, every=100)
        ...     probe.step()
        ...     probe.check().mismatches
        2
        """
        interval = None if every is None else _count("every", every)
        probe = CanaryProbe(self._recorder, self._fitting(canary), predict, interval)
        probe.check()
        return probe

    def _fitting(self, canary: object) -> Canary:
        if not isinstance(canary, Canary):
            raise InvalidTypeError(
                f"canary is a {type(canary).__name__}: expected a Canary, as Canary.load(path) gives"
            )
        if canary.model != self.model:
            raise ReferenceMismatchError(
                f"the canary is of model {canary.model!r} and this run of {self.model!r}: record one of {self.model!r}"
            )
        return canary

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
        """Tell Alertmanager something that no metric tells; training does not wait for it.

        Without an Alertmanager (``alertmanager_url=…``) nothing is sent, which is counted and logged once.

        Args:
            name: Name of the alert, such as ``LabelAuditFailed``.
            summary: What is wrong, in one sentence.
            severity: ``critical``, ``warning`` or ``info``.
            description: What to look at.
            labels: Further labels; other labels make it another alert.
            resolves_after: Seconds after which it is over by itself. Sending it again keeps it alive.

        Raises:
            TrainGaugeError: An argument that does not fit.
        """
        if self._alerts is None:
            error = RuntimeError(
                f"alert {name!r} was not sent: pass alertmanager_url= or set ${ALERTMANAGER_VARIABLE}"
            )
            self._recorder.guard.report("alert", error)
        else:
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
        if self._alerts is not None:
            self._alerts.resolve(name, labels)

    # What is watched

    def describe(self, model: Any) -> None:
        """Publish the structure of a model: parameters, optimizer, loss, and a digest of its architecture.

        They go to ``model_run_info``, ``model_parameters`` and the landing page. If a run that was resumed, or described
        before, had another architecture, that is counted and logged.

        Args:
            model: A Keras model; shapes and parameters are known once it is built, optimizer and loss once it is compiled.

        Raises:
            InvalidTypeError: A model of no framework that is known.
        """
        from traingauge.core.model_description import describe

        self._recorder.describe(describe(model))

    # Keras

    def keras(self, split: str | None = None, *, gradient_norm: bool = False) -> MonitorCallback:
        """A Keras callback that records ``fit`` and ``evaluate``, and asks the canary, if the monitor was given one.

        It also sums up the trainable weights once in a while, and counts tensors that hold NaN or infinite values: the loss
        does not tell, where an activation makes numbers of them.

        Args:
            split: Where ``model.evaluate`` belongs when it is called with this callback outside of ``fit``; ``test``
                if ``None``. Inside ``fit`` it is always ``validation``.
            gradient_norm: Also record the norm of each step's gradients, before clipping; it costs a pass over them.

        Raises:
            UnsupportedBackendError: Keras does not run on TensorFlow.
        """
        from traingauge.integrations.keras.callback import MonitorCallback

        return MonitorCallback(
            self._recorder,
            "test" if split is None else split,
            gradient_norm=gradient_norm,
            question=self._question(),
        )

    def fit(self, *args: Any, test_data: Any = None, **kwargs: Any) -> dict[str, list[float]]:
        """Train the wrapped Keras model with everything recorded; the arguments are those of ``keras.Model.fit``.

        Args:
            *args: As of ``fit``.
            test_data: ``(x, y)``, ``(x, y, sample_weight)``, a dataset or a generator: evaluated once, after training.
            **kwargs: As of ``fit``.

        Returns:
            The history, as :attr:`history` has it.

        Raises:
            InvalidTypeError: The monitor was made with a name, not with a model.
        """
        from traingauge.integrations.keras.callback import fit

        if self._keras_model is None:
            raise InvalidTypeError(
                f"this monitor has the name {self.model!r} and no model: ModelMonitor(model) can fit"
            )
        question = self._question()
        fit(self._keras_model, self._recorder, args, kwargs, test_data=test_data, question=question)
        return self.history

    def _question(self) -> CanaryCheck | None:
        if self._canary is None:
            return None
        from traingauge.integrations.keras.canary import CanaryCheck

        return CanaryCheck(self._canary, self._canary_every, self._recorder)

    # Reading

    @property
    def url(self) -> str:
        """Where the run serves: ``/metrics``, ``/healthz`` and a landing page."""
        return self._server.url

    @property
    def state(self) -> str:
        """``running``, ``finished``, ``failed`` or ``interrupted``."""
        return self._recorder.run.state

    @property
    def history(self) -> dict[str, list[float]]:
        """What was published at the end of each epoch and pass.

        Names are those of the metrics, ``loss``, ``accuracy`` and so on; those of ``validation`` and ``test`` begin with
        ``val_`` and ``test_``. A training entry is what the gauges read when the epoch ended: the last step's loss, and the
        scores of the rolling window.
        """
        return self._recorder.history()

    def rows(self, split: str = "train") -> dict[str, Column]:
        """Everything recorded of a split, at full resolution, by column: ``step``, ``time``, ``loss`` and so on.

        A row is a training step, or a whole pass over ``validation`` or ``test``. Columns are masked arrays: what a row was
        not given is masked, and NaN is a NaN that it was given, or a score that was undefined. Training scores are read
        every few dozen steps. With a ``state_dir`` the rows of the whole run are there, without one at least the last
        65 536 training steps.

        Raises:
            UnknownNameError: Another split.

        >>> with ModelMonitor("doc", discovery_dir=False) as monitor:
        ...     monitor.step(loss=0.5); monitor.step(entropy=2.0); monitor.step(loss=float("nan"))
        ...     print(monitor.rows()["loss"])
        [0.5 -- nan]
        """
        if split not in SPLITS:
            raise UnknownNameError("split", split, SPLITS)
        found = self._recorder.rows(split, self._persistence.read)
        return {name: masked(values) for name, values in found.items()}

    def frame(self, split: str = "train") -> pandas.DataFrame:
        """The same as a pandas DataFrame, by step; pandas has NaN for what was not given, too."""
        pandas = require("pandas", "parquet")
        rows = self.rows(split)
        plain = {name: column.filled() for name, column in rows.items()}
        return pandas.DataFrame(plain).set_index("step") if rows else pandas.DataFrame()

    def plot(self, *columns: str) -> Any:
        """A matplotlib figure of the run: one panel a column, one line a split; matplotlib has to be installed.

        Args:
            *columns: Names of columns of :meth:`rows`; loss and accuracy, as far as they are there, if none is given.

        Raises:
            UnknownNameError: A column that no split has.
        """
        from traingauge.plot import plot

        return plot({split: self.rows(split) for split in SPLITS}, columns, f"{self.model}, run {self.run}")

    @property
    def curves(self) -> LearningCurves:
        """How loss, gradient norm and scores went so far: what :meth:`traingauge.ReferenceRun.record` takes."""
        return self._recorder.curves()

    @property
    def collector(self) -> RunCollector:
        """The run as a collector for a prometheus_client registry of your own."""
        from traingauge.delivery.registry import RunCollector

        return RunCollector(Identity(self.model, self.run), self._recorder.families)

    def __repr__(self) -> str:
        return f"<ModelMonitor {self.model!r} run {self.run!r}: {self.state}, {self.url}>"

    # The end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end_after(error)

    def close(self, state: str = "finished") -> None:
        """End the run; a second call does nothing.

        Args:
            state: ``finished``, ``failed`` or ``interrupted``.
        """
        self._end(state)

    def _end_after(self, error: BaseException | None) -> None:
        state = "finished"
        if isinstance(error, KeyboardInterrupt):
            state = "interrupted"
        elif error is not None and not (isinstance(error, SystemExit) and not error.code):
            state = "failed"
        self._end(state, exception=type(error).__name__ if state == "failed" else "")

    def _end(self, state: str, exception: str = "") -> None:
        # A forked child has a copy of the monitor; the run, its file and its socket belong to the parent.
        if self._closed or os.getpid() != self._owner:
            return
        self._recorder.end(state, exception)
        self._persistence.close()
        if self._alerts is not None:
            self._tell_end(self._alerts, state, exception)
        self._closed = True
        atexit.unregister(self._end_with_interpreter)
        try:
            self._server.scrapes.wait(after=time.monotonic(), at_most=self._linger)
        finally:  # Ctrl-C while waiting ends the waiting, not the order of the end
            self._withdraw()
            self._server.close()

    def _tell_end(self, alerts: AlertSender, state: str, exception: str) -> None:
        if state == "failed":
            alerts.send(
                "TrainingCrashed",
                f"Training crashed with {exception or 'an error'}.",
                severity="critical",
                description=f"Run {self.run} of {self.model} ended after {self._recorder.steps_taken()} training steps.",
                resolves_after=CRASH_TOLD_SECONDS,
            )
        alerts.flush(FLUSH_SECONDS)

    def _end_with_interpreter(self) -> None:
        """End a run that nobody closed; an unhandled exception that ends a script has failed it."""
        interactive = hasattr(sys, "ps1")  # there an exception ends a statement, not the run
        self._end_after(None if interactive else getattr(sys, "last_value", None))

    # The start

    def _serve(self, host: str, port: int, links: Mapping[str, str]) -> Server:
        server = Server(
            Renderer(Identity(self.model, self.run)),
            self._recorder.families,
            facts=self._facts,
            links=links,
            guard=self._recorder.guard,
            host=host,
            port=port,
        )
        _log.info("run %s of %s serves on %s", self.run, self.model, server.url)
        return server

    def _alert_sender(self, url: str) -> AlertSender:
        from traingauge.delivery.alertmanager import AlertSender

        return AlertSender(url, Identity(self.model, self.run), self._recorder.guard)

    def _announce(self, directory: str | os.PathLike[str] | bool | None) -> discovery.DiscoveryFile | None:
        if directory is False:
            return None
        try:
            path = (
                Path(directory)
                if isinstance(directory, (str, os.PathLike))
                else discovery.default_directory()
            )
            found = discovery.DiscoveryFile(path, Identity(self.model, self.run), self._server.address)
            found.write()
            discovery.sweep(path)
        except (OSError, RuntimeError) as error:  # a full disk, a missing home: training goes on
            self._recorder.guard.report("discovery", error)
            return None
        return found

    def _withdraw(self) -> None:
        if self._discovery is not None:
            try:
                self._discovery.remove()
            except OSError as error:
                self._recorder.guard.report("discovery", error)

    def _facts(self) -> dict[str, str]:
        run, planned = self._recorder.run, self._recorder.progress.steps_planned
        steps = self._recorder.steps_taken()
        return {
            "Model": self.model,
            "Run": self.run,
            "State": run.state,
            "Began": time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(run.started)),
            "Training steps": f"{steps} of {planned}" if planned else str(steps),
            "Last loss": f"{self._recorder.last_loss():.6g}",
            **{name.replace("_", " ").capitalize(): value for name, value in run.info.items()},
            **self._recorder.model_info.facts,
        }


def _drift(
    reference: Reference,
    limits: Iterable[Threshold],
    window: int | None,
    distributions: int,
    statistics: Sequence[str] | None,
    **options: Any,
) -> FeatureDrift:
    from traingauge.core.collectors.drift import FeatureDrift

    warning = [one.value for one in limits if (one.metric, one.severity) == ("feature_drift", "warning")]
    settings = Drift(reference, window, statistics=statistics, distributions=distributions, **options)
    return FeatureDrift(settings, thresholds=warning[0] if warning else None)


def _keras_model(model: Any) -> Any:
    if not all(hasattr(model, name) for name in ("fit", "compute_loss", "name")):
        raise InvalidTypeError(f"model is a {type(model).__name__}: expected a name or a Keras model")
    return model


def _name(what: str, name: object) -> str:
    if not isinstance(name, str):
        raise InvalidTypeError(f"{what} is {name!r}: expected a name, as str")
    if not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
        raise InvalidArgumentError(f"{what} is {name!r}: expected 1 to {NAME_LENGTH} printable characters")
    return name


def _new_run_name() -> str:
    return f"{time.strftime('%Y%m%dT%H%M%S')}-{os.urandom(2).hex()}"


def _count(what: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidTypeError(f"{what} is {value!r}: expected a whole number")
    return int(_at_least(what, value, 1))


def _at_least(what: str, value: object, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidTypeError(f"{what} is {value!r}: expected a number")
    if not float(value) >= least:
        raise InvalidArgumentError(f"{what} is {value}: expected at least {least}")
    return float(value)
