"""The importer: turns the daemon's journal into sessions and proof tests, each once, however often it is killed.

`Importer` reads what is new and gives it to a `Sink`; sessions are built by the pure `SessionBuilder`. The journal is only ever read.
"""

from treadctl.records.importing.assembler import Assembler
from treadctl.records.importing.builder import SessionBuilder
from treadctl.records.importing.cursor import START, Cursor
from treadctl.records.importing.findings import Built, Finding, Gap
from treadctl.records.importing.importer import Imported, Importer
from treadctl.records.importing.reader import Chunk, read_since
from treadctl.records.importing.sink import Sink

__all__ = ["START", "Assembler", "Built", "Chunk", "Cursor", "Finding", "Gap", "Imported", "Importer", "SessionBuilder", "Sink", "read_since"]
