"""Which directory a run keeps its state in, where a variable says it for all runs of a process."""

from __future__ import annotations

from pathlib import Path

from traingauge import environment
from traingauge.core.families import Identity
from traingauge.core.guard import Guard
from traingauge.errors import StateDirectoryError, StateMismatchError
from traingauge.logs import logger
from traingauge.options import State
from traingauge.state.transient import Transient


class Directories:
    """The directories that runs of this process have used below ``$TRAINGAUGE_STATE_DIR``.

    The first run uses that directory itself, the others its subdirectories ``2``, ``3`` and so on. A process that starts its
    runs in the same order, or under the same names, finds each of them again.
    """

    def __init__(self) -> None:
        self._runs: dict[Path, tuple[str, str]] = {}

    def open(
        self, given: State | None, guard: Guard, model: str, run: str | None, *, spooled: bool = False
    ) -> Transient:
        """The state of a run: in the directory that the script gives, else in one below the variable's, else nowhere.

        A run that cannot use the variable's directory, such as one that is in use, keeps no state: the script has not asked
        for any.

        Args:
            given: What the script gives.
            guard: Counts a directory that cannot be used.
            model: Name of the model.
            run: Name of the run; ``None`` leaves it open.
            spooled: Whether a delivery reads the rows, which are in a temporary directory if the run keeps no state.

        Raises:
            TrainGaugeError: As :class:`~traingauge.state.persistence.Persistence` does; of a directory that
                cannot be used, only if the script gives it.
        """
        root = environment.STATE_DIR.read() if given is None else None
        if root is None:
            return _kept(given, model, run, spooled=spooled)
        number = 1
        while True:
            directory = Path(root) if number == 1 else Path(root, str(number))
            number += 1
            if self._runs.get(directory) in {None, (model, run)}:
                try:
                    return _kept(State(directory), model, run)
                except StateMismatchError:  # another run of a process before
                    continue
                except StateDirectoryError as error:
                    said = f"{environment.STATE_DIR.name}: no state is kept, as {error}"
                    guard.report("state", StateDirectoryError(said))
                    return _kept(None, model, run, spooled=spooled)

    def keep(self, persistence: Transient, identity: Identity) -> None:
        """No other run of this process uses the directory."""
        if persistence.directory is not None:
            self._runs[persistence.directory] = identity.name


def _kept(setting: State | None, model: str, run: str | None, *, spooled: bool = False) -> Transient:
    if setting is None:
        return _spooled(run) if spooled else Transient(run)
    from traingauge.state.persistence import Persistence  # loads what most runs need not

    return Persistence(setting, model, run)


def _spooled(run: str | None) -> Transient:
    from traingauge.state.spool import Spool  # loads what most runs need not

    try:
        return Spool(run)
    except OSError as error:
        logger.warning("no temporary directory for the rows of the run (%s): steps are not delivered", error)
        return Transient(run)


#: Those of this process.
DIRECTORIES = Directories()
