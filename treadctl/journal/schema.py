"""What a journal holds: the types of a core step, with their codecs and one fingerprint for all of them."""

from __future__ import annotations

import hashlib
from typing import Final, Generic, TypeVar

from treadctl.journal.codec import Codec

I = TypeVar("I")  # noqa: E741 - inputs, output, setup, state: the four letters of this package
O = TypeVar("O")  # noqa: E741
C = TypeVar("C")
S = TypeVar("S")

AGES: Final = frozenset({"age_s"})


class Schema(Generic[I, O, C, S]):
    """The codecs of inputs, output, setup (C) and state (S) of one `step`.

    `fingerprint` (32 bytes) changes when any of the types changes, or one of `names`: what the types refer to by number only.
    """

    def __init__(self, inputs: type[I], output: type[O], setup: type[C], state: type[S], names: tuple[str, ...] = ()) -> None:
        self.inputs: Codec[I] = Codec(inputs, AGES)
        self.output: Codec[O] = Codec(output, AGES)
        self.setup: Codec[C] = Codec(setup)
        self.state: Codec[S] = Codec(state)
        parts = (self.inputs, self.output, self.setup, self.state)
        self.fingerprint = hashlib.sha256(b"".join(part.fingerprint for part in parts) + "\n".join(names).encode()).digest()
