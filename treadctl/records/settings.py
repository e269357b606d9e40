"""Settings of the clinic, and the answers that are kept for requests that come twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from treadctl.records.audit import Actor, append
from treadctl.records.repository import Repository, insert_into, require_text
from treadctl.records.schema import IDEMPOTENCY_KEYS, SETTINGS


class Settings(Repository):
    """Values that JSON knows, by key."""

    async def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any plain value
        """The value, or `default` where it was never put."""
        async with self.database.read() as connection:
            row = (await connection.execute(select(SETTINGS.c.value).where(SETTINGS.c.key == key))).first()
        return default if row is None else row.value

    async def all(self) -> dict[str, Any]:
        """All of them."""
        async with self.database.read() as connection:
            return {row.key: row.value for row in await connection.execute(select(SETTINGS).order_by(SETTINGS.c.key))}

    async def put(self, actor: Actor, key: str, value: Any) -> None:  # noqa: ANN401 - any plain value
        """Set a value; None takes it away. The trail says the key only: a value may be a secret."""
        require_text("setting > key", key, 128)
        async with self.database.write() as connection:
            if value is None:
                await connection.execute(delete(SETTINGS).where(SETTINGS.c.key == key))
            else:
                made = insert_into(connection, SETTINGS).values(key=key, value=value)
                await connection.execute(made.on_conflict_do_update(index_elements=["key"], set_={"value": made.excluded.value}))
            await append(connection, self.now(), actor, "setting.put" if value is not None else "setting.removed", key)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered, and the digest of what was asked."""

    request_digest: str
    answer: str
    at: datetime


class Answers(Repository):
    """So that a request sent twice is done once. The caller compares the digest: the same key with another request is a mistake of the sender."""

    async def find(self, user: str, key: str) -> KeptAnswer | None:
        """The answer to a request of this user with this key; None the first time."""
        query = select(IDEMPOTENCY_KEYS).where(IDEMPOTENCY_KEYS.c.key == key, IDEMPOTENCY_KEYS.c.user == user)
        async with self.database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else KeptAnswer(row.request_digest, row.answer, row.at)

    async def keep(self, user: str, key: str, request_digest: str, answer: str) -> KeptAnswer:
        """Keep an answer, and return the one that counts: of two at once, the first. An answer holds ids, never the name of a person."""
        require_text("idempotency key", key, 128)
        at = self.now()
        query = select(IDEMPOTENCY_KEYS).where(IDEMPOTENCY_KEYS.c.key == key, IDEMPOTENCY_KEYS.c.user == user)
        async with self.database.write() as connection:
            made = insert_into(connection, IDEMPOTENCY_KEYS).values(key=key, user=user, request_digest=request_digest, answer=answer, at=at)
            await connection.execute(made.on_conflict_do_nothing())
            row = (await connection.execute(query)).one()
        return KeptAnswer(row.request_digest, row.answer, row.at)

    async def forget(self, before: datetime) -> int:
        """Let go of those from before; how many."""
        async with self.database.write() as connection:
            return (await connection.execute(delete(IDEMPOTENCY_KEYS).where(IDEMPOTENCY_KEYS.c.at < before))).rowcount
