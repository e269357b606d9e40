"""How long ago something was, when the wall clock may be set meanwhile: from the first sight on, the monotonic clock counts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from treadctl.ports import Clock

KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class _Sight:
    at: datetime
    age_s: float
    seen_s: float


class Ages:
    """The ages of instants that a record holds. `now` is the wall clock, `clock` the monotonic one."""

    def __init__(self, now: Callable[[], datetime], clock: Clock) -> None:
        self._now = now
        self._clock = clock
        self._sights: OrderedDict[Hashable, _Sight] = OrderedDict()

    def age_s(self, key: Hashable, at: datetime) -> float:
        """How old `at` is, never below 0. A clock that was set since `key` was first seen with this instant makes it neither older nor younger."""
        sight = self._sights.pop(key, None)
        if sight is None or sight.at != at:
            sight = _Sight(at, max(0.0, (self._now() - at).total_seconds()), self._clock())
        self._sights[key] = sight
        if len(self._sights) > KEPT:
            self._sights.popitem(last=False)
        return sight.age_s + max(0.0, self._clock() - sight.seen_s)
