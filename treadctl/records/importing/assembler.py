"""Assembler: carries what the reader reads to the builder, and knows from which cursor on it would have to be read again."""

from __future__ import annotations

from dataclasses import replace

from treadctl.journal import CodecError, FormatError, read_records
from treadctl.journal.core_schema import core_schema
from treadctl.records.importing.builder import SessionBuilder, recall
from treadctl.records.importing.cursor import Cursor
from treadctl.records.importing.findings import Finding, Gap
from treadctl.records.importing.reader import Chunk, Hole
from treadctl.records.importing.where import Where, where_of


class Assembler:
    """Feed what `read_since(journal, assembler.position)` gives. `cursor` is what belongs into the store beside all that `findings` gave so far.

    The cursor of an unfinished session stays before its arming: a session is held in memory until it is whole, and after a restart its part of the journal is
    read again. So no half sessions are stored, and the cursor fits one line however long a session lasts.
    """

    def __init__(self, cursor: Cursor) -> None:
        self._builder = SessionBuilder(recall(cursor.memory))
        self._schema = core_schema()
        self._opened = cursor
        self._skip = cursor
        self.position = Cursor(cursor.segment, cursor.offset, cursor.sequence, cursor.head)
        self.records = 0

    @property
    def cursor(self) -> Cursor:
        """Everything before it is in `findings`, nothing from it on."""
        return replace(self.position, memory=self._builder.memory.text()) if self._builder.quiet else self._opened

    def findings(self) -> list[Finding]:
        """What was found before the cursor since the last call."""
        return self._builder.take()

    def end(self) -> None:
        """Nobody writes this journal any more: what is unfinished breaks off."""
        self._builder.end()

    def feed(self, found: Chunk | Hole) -> None:
        """The next batch, or what is missing."""
        if isinstance(found, Hole):
            self._builder.hole(found.gap)
        else:
            where = self._where(found)
            if where is not None:
                self._builder.batch(where)
                self._records(found)
        self.position = found.after

    def _where(self, chunk: Chunk) -> Where | None:
        """Where a batch stands; None in a segment of another release's structure, which is told once, at its first batch."""
        header, place = chunk.place.header, chunk.place.path.name
        words = f"written by release {header.release}, whose records have another structure"
        if header.schema == self._schema.fingerprint:
            try:
                return where_of(chunk.place)
            except CodecError as error:
                words = f"its setup cannot be read: {error}"
        self._builder.end()
        if chunk.place.batch.header.sequence == header.first_sequence:
            self._builder.hole(Gap(place, "journal_version", words))
        return None

    def _records(self, chunk: Chunk) -> None:
        builder, batch = self._builder, chunk.place.batch
        skip = self._skip.skip if batch.header.sequence == self._skip.sequence else 0
        try:
            for index, record in enumerate(read_records(batch, self._schema)):
                if index < skip:
                    continue
                openings = builder.openings
                builder.record(record)
                self.records += 1
                if builder.openings != openings:
                    self._opened = replace(self.position, skip=index, memory=builder.opened_at.text())
        except FormatError as error:
            builder.hole(Gap(f"{chunk.place.path.name} > byte {batch.offset}", "journal_altered", str(error)))
