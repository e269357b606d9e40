"""The records behind one door: a database, the key of names, and a repository for each kind of record."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Self

from treadctl.records.armings import Armings
from treadctl.records.audit import Actor, Audit
from treadctl.records.database import FILE_MODE, Database
from treadctl.records.measures import Measures
from treadctl.records.names_key import NamesKey
from treadctl.records.people import People
from treadctl.records.prescriptions import Prescriptions
from treadctl.records.proof_tests import ProofTests
from treadctl.records.repository import Clock, utc_now
from treadctl.records.retention import Retention
from treadctl.records.screenings import Overrides, Screenings
from treadctl.records.sessions import Sessions
from treadctl.records.settings import Answers, Settings
from treadctl.records.users import Users
from treadctl.records.vault import Vault
from treadctl.records.web_sessions import WebSessions


class Records:
    """All records of a clinic. Each method of a repository is one transaction; each that changes something appends to the audit trail within it."""

    def __init__(self, database: Database, vault: Vault, now: Clock = utc_now) -> None:
        self.database = database
        self.people = People(database, vault, now)
        self.screenings = Screenings(database, now)
        self.overrides = Overrides(database, now)
        self.prescriptions = Prescriptions(database, now)
        self.armings = Armings(database, now)
        self.sessions = Sessions(database, now)
        self.measures = Measures(database, now)
        self.proof_tests = ProofTests(database, now)
        self.users = Users(database, now)
        self.web_sessions = WebSessions(database, now)
        self.settings = Settings(database, now)
        self.answers = Answers(database, now)
        self.audit = Audit(database, now)
        self.retention = Retention(database, now)
        self._names_key = NamesKey(database, now)

    @classmethod
    async def open(cls, url: str, names_key: Path | None = None, *, now: Clock = utc_now, busy_s: float = 5.0, file_mode: int = FILE_MODE) -> Self:
        """The records at `url`; names are locked where there is no file `names_key`. The rest as `Database.open`. Raises what that and `Vault.open` raise."""
        vault = await asyncio.to_thread(Vault.open, names_key)
        return cls(await Database.open(url, busy_s=busy_s, file_mode=file_mode), vault, now)

    async def change_names_key(self, actor: Actor, path: Path) -> None:
        """Seal all names with a new key in the place of the one in `path`, and go on with it. See `NamesKey.change`."""
        self.people.vault = await self._names_key.change(actor, path)

    async def close(self) -> None:
        """Give back every connection."""
        await self.database.close()
