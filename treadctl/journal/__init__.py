"""The journal: an append-only, hash-chained record of every step of the core, from which each can be computed again."""

from treadctl.journal._format import FormatError
from treadctl.journal.codec import Codec, CodecError, SchemaError
from treadctl.journal.reader import Broken, Checkpoint, Event, Place, Step, read_batches, read_events, read_records
from treadctl.journal.replay import Divergence, ReplayReport, replay
from treadctl.journal.retention import Retention
from treadctl.journal.schema import Schema
from treadctl.journal.verify import Problem, VerifyReport, verify
from treadctl.journal.writer import JournalWriter, MachineInfo, WriterOptions, read_boot_id

__all__ = [
    "Broken",
    "Checkpoint",
    "Codec",
    "CodecError",
    "Divergence",
    "Event",
    "FormatError",
    "JournalWriter",
    "MachineInfo",
    "Place",
    "Problem",
    "ReplayReport",
    "Retention",
    "Schema",
    "SchemaError",
    "Step",
    "VerifyReport",
    "WriterOptions",
    "read_batches",
    "read_boot_id",
    "read_events",
    "read_records",
    "replay",
    "verify",
]
