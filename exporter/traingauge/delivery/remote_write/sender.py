"""The rules by which requests are sent, so that one bad sample never takes others along.

A receiver of 1.0 refuses a request as a whole if one sample in it does not fit: one that it already has, because its answer
to an earlier attempt was lost, is enough. So a request that is refused, or whose outcome is unknown, is divided by series,
and a series that is refused is divided again until the samples that do not fit stand alone. These are given up and counted.
Other receivers take the rest of a request that they refuse. Those of 2.0 say how many samples that is: nothing is divided.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.delivery.remote_write.errors import RefusedError, UnavailableError
from traingauge.delivery.remote_write.series import Points, Series

#: Seconds before a failed attempt is repeated; doubled each time, up to the longest. It is short where only a part has
#: failed, and at most the last one after the end.
SHORT_RETRY, FIRST_RETRY, LONGEST_RETRY, LAST_RETRY = 0.02, 1.0, 60.0, 0.25

#: Most samples of a series that are given up behind one that was refused for its time, without asking for each.
MOST_SKIPPED = 64


#: Refusals in a row after which the rest of a series' samples is given up without asking for each.
MOST_REFUSED = 50


class Post(Protocol):
    """Sends points in one request, as :meth:`traingauge.delivery.remote_write.client.Client.post` does."""

    def __call__(self, points: Sequence[Points], /) -> None:
        """Raises ``RefusedError`` or ``UnavailableError``."""


class _Piece(NamedTuple):
    """A part of a request.

    Attributes:
        points: What it holds.
        repeated: Whether the receiver may have it already.
        doubtful: Whether the receiver may have taken all of it that it can, when it refused a request.
        refused: Samples of the beginning of its one series that were refused, and are not yet counted.
    """

    points: Sequence[Points]
    repeated: bool
    doubtful: bool = False
    refused: int = 0


class Sender:
    """Sends one request after the other, each until everything in it was taken or given up.

    Args:
        post: Sends points in one request.
        counts: Of the delivery.
        repeated: Whether the receiver may have the first request already, sent by a process that was killed.

    Attributes:
        taken: Samples that the receiver has taken.
    """

    def __init__(self, post: Post, counts: DeliveryCounts, *, repeated: bool = False) -> None:
        self._post, self._counts, self._repeated = post, counts, repeated
        self._pieces: deque[_Piece] = deque()
        self._too_old: dict[Series, int] = {}  # time of the last sample that was refused for its age
        self._refusals = 0  # in a row
        self.taken = 0

    def send(self, points: Sequence[Points]) -> None:
        """Send a request.

        Args:
            points: One entry a series. After an ``UnavailableError`` the same request has to follow.

        Raises:
            UnavailableError: A later attempt may succeed; what was taken until then is not sent again.
        """
        if not self._pieces:
            self._pieces.append(_Piece(points, self._repeated))
        while self._pieces:
            self._send(self._pieces.popleft())
        self._repeated = False

    def _send(self, piece: _Piece) -> None:
        points = self._young(piece.points)
        if not points:
            return
        piece = piece._replace(points=points)
        try:
            self._post(points)
        except UnavailableError as error:
            self._pieces.extendleft(reversed(_again(piece) if error.unknown else [piece]))
            raise
        except RefusedError as error:
            self._counts.failures["refused"] += 1
            self._refusals += 1
            if error.taken and not piece.repeated:
                self._count_rest(points, error.reason, error.taken)
            else:
                self._divide(piece, error.reason, told=error.taken is not None)
        else:
            self._refusals = 0
            self.taken += _size(points)

    def _count_rest(self, points: Sequence[Points], reason: str, taken: int) -> None:
        """Count a request of which the receiver has taken what it can, and says how much."""
        samples = _size(points)
        self.taken += min(taken, samples)
        self._counts.dropped[reason] += max(0, samples - taken)

    def _divide(self, piece: _Piece, reason: str, *, told: bool) -> None:
        """Divide what was refused, or give it up.

        Args:
            piece: It.
            reason: Why.
            told: Whether the receiver says that it has taken nothing of it.
        """
        if len(piece.points) > 1:
            self._pieces.extendleft(reversed(_smaller(piece, told=told)))
            return
        (points,) = piece.points
        if reason == "order" and piece.repeated and self._is_there(points):
            self.taken += len(points.times)
        elif len(points.times) == 1 or self._refusals > MOST_REFUSED:
            self._give_up(points, reason)
        elif reason == "refused":
            half = len(points.times) // 2
            parts = (_cut(points, 0, half), _cut(points, half, None))
            self._pieces.extendleft(reversed([_Piece([part], repeated=False) for part in parts]))
        else:
            self._skip(piece, reason)

    def _skip(self, piece: _Piece, reason: str) -> None:
        """Find the first sample that is late enough: of a series, all before one that is refused for its time are, too.

        A receiver that has taken what it could takes the last one again, and none before it. One that has taken nothing
        takes the last but one, too, so that is asked for, where it is in doubt what the receiver does.
        """
        (points,) = piece.points
        step, start, last = 1, piece.refused, len(points.times) - 1
        refused = [(_cut(points, 0, start), reason)]
        while start <= last:
            end = min(start + step, last if piece.doubtful and start < last else last + 1)
            try:
                self._post([_cut(points, end - 1, end)])
            except RefusedError as error:
                self._counts.failures["refused"] += 1
                refused.append((_cut(points, start, end), error.reason))
                start, step = end, min(2 * step, MOST_SKIPPED)
            except UnavailableError:
                self._pieces.appendleft(piece._replace(refused=start))
                raise
            else:
                self.taken += 1
                if end - 1 > start:
                    refused.append((_cut(points, start, end - 1), reason))
                break
        if piece.doubtful and start == last:
            there = [one for one, why in refused if why == "order"]
            self.taken += _size(there)
            refused = [(one, why) for one, why in refused if why != "order"]
        for one, why in refused:
            if len(one.times):
                self._give_up(one, why)
        if start <= last and end <= last:
            self._pieces.appendleft(_Piece([_cut(points, end, None)], repeated=False))

    def _is_there(self, points: Points) -> bool:
        """Whether the receiver has these points already: it takes the last of a series a second time, if that is equal."""
        try:
            self._post([_cut(points, len(points.times) - 1, None)])
        except RefusedError:
            return False
        except UnavailableError:
            self._pieces.appendleft(_Piece([points], repeated=True))
            raise
        return True

    def _young(self, points: Sequence[Points]) -> list[Points]:
        """Points without those that are as old as some that were refused for their age."""
        if not self._too_old:
            return list(points)
        found = []
        for one in points:
            first = int(one.times.searchsorted(self._too_old.get(one.series, -1), "right"))
            self._counts.dropped["age"] += first
            if first < len(one.times):
                found.append(_cut(one, first, None))
        return found

    def _give_up(self, points: Points, reason: str) -> None:
        self._counts.dropped[reason] += len(points.times)
        if reason == "age":
            self._too_old[points.series] = int(points.times[-1])


def _again(piece: _Piece) -> list[_Piece]:
    """What to send after an unknown outcome: the receiver may have all of it, or nothing.

    It takes the last sample of a series a second time, so that a reading, which has one of each, can be sent as it was.
    """
    if _is_reading(piece):
        return [piece._replace(repeated=True)]
    if piece.refused:
        return [piece]  # so will it be again
    return _by_series(piece)


def _smaller(piece: _Piece, *, told: bool) -> list[_Piece]:
    """Parts of a request of several series that was refused.

    Args:
        piece: It.
        told: Whether the receiver says that it has taken nothing of it.
    """
    if not _is_reading(piece):
        return [_Piece([one], piece.repeated, doubtful=not told) for one in piece.points]
    half = len(piece.points) // 2
    return [piece._replace(points=part) for part in (piece.points[:half], piece.points[half:])]


def _by_series(piece: _Piece) -> list[_Piece]:
    """A part for each series; the receiver may have any of them already."""
    return [_Piece([one], repeated=True) for one in piece.points]


def _is_reading(piece: _Piece) -> bool:
    return all(len(one.times) == 1 for one in piece.points)


def _cut(points: Points, start: int, end: int | None) -> Points:
    return Points(points.series, points.times[start:end], points.values[start:end])


def _size(points: Sequence[Points]) -> int:
    return sum(len(one.times) for one in points)
