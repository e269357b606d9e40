"""The tables. `migrations/` makes them; a test holds the two together.

Texts of people stand in few columns, all of them emptied by an erasure: persons, person_words, screenings, overrides, measures, prescriptions and revisions.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from treadctl.records.columns import Instant, JsonText, RowNumber

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

USERS: Final = Table(
    "users",
    METADATA,
    Column("id", RowNumber, primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("password_hash", Text),  # argon2, as its library writes it
    Column("pin_hash", Text),
    Column("failed_tries", Integer, nullable=False),
    Column("last_failed_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant),
    sqlite_autoincrement=True,  # an id is never given twice: the audit trail names it
)

WEB_SESSIONS: Final = Table(
    "web_sessions",
    METADATA,
    Column("token_hash", Text, primary_key=True),
    Column("user_id", RowNumber, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("door", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant, nullable=False, index=True),
)

PERSONS: Final = Table(
    "persons",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name_sealed", LargeBinary),
    Column("facts", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("erased_at", Instant),
)

PERSON_WORDS: Final = Table(
    "person_words",
    METADATA,
    Column("person_id", Text, ForeignKey("persons.id", ondelete="CASCADE"), primary_key=True),
    Column("token", Text, primary_key=True, index=True),  # HMAC of one word of the name
)

SCREENINGS: Final = Table(
    "screenings",
    METADATA,
    Column("id", RowNumber, primary_key=True),
    Column("person_id", Text, ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("signer", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("answers", JsonText, nullable=False),
    Index(None, "person_id", "at"),
    sqlite_autoincrement=True,
)

OVERRIDES: Final = Table(
    "overrides",
    METADATA,
    Column("id", RowNumber, primary_key=True),
    Column("person_id", Text, ForeignKey("persons.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("rule", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
    Column("withdrawn_by", Text, nullable=False),
    sqlite_autoincrement=True,
)

PRESCRIPTIONS: Final = Table(
    "prescriptions",
    METADATA,
    Column("id", RowNumber, primary_key=True),
    Column("person_id", Text, ForeignKey("persons.id", ondelete="CASCADE"), index=True),  # none: the clinic's library
    Column("number", Integer, nullable=False),  # of the current revision
    Column("created_at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
    sqlite_autoincrement=True,
)

REVISIONS: Final = Table(  # a trigger refuses every UPDATE
    "revisions",
    METADATA,
    Column("id", RowNumber, primary_key=True),
    Column("prescription_id", RowNumber, ForeignKey("prescriptions.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("note", Text, nullable=False),
    UniqueConstraint("prescription_id", "number"),
    sqlite_autoincrement=True,
)

ARMINGS: Final = Table(
    "armings",
    METADATA,
    Column("request_id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("persons.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("revision_id", RowNumber, ForeignKey("revisions.id", ondelete="SET NULL"), index=True),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

SESSIONS: Final = Table(  # what a list shows; everything large is in session_details, so that a list never reads past it
    "sessions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("persons.id", ondelete="SET NULL")),
    Column("revision_id", RowNumber, ForeignKey("revisions.id", ondelete="SET NULL"), index=True),
    Column("machine", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("profile_sha256", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("facing", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("cause", Text),
    Column("duration_s", Float, nullable=False),
    Column("belt_s", Float, nullable=False),
    Column("distance_m", Float, nullable=False),
    Column("peak_mps", Float, nullable=False),
    Column("mean_mps", Float, nullable=False),
    Column("rail_load_percent", Float),
    Column("hands_on_share", Float),
    Column("asymmetry_percent", Float),
    Column("imbalance_events", Integer, nullable=False),
    Column("unsteady_events", Integer, nullable=False),
    Column("stops", Integer, nullable=False),
    Column("max_rpe", Float),
    Column("max_dizziness", Float),
    Column("max_pain", Float),
    Column("max_breathing", Float),
    Column("mean_heart_rate_per_min", Float),
    Column("max_heart_rate_per_min", Float),
    Column("cadence_per_min", Float),
    Column("cadence_cv_percent", Float),
    Index("ix_sessions_started", "started_at", "id"),
    Index("ix_sessions_person", "person_id", "started_at", "id"),
    Index("ix_sessions_machine", "machine", "started_at", "id"),
    Index("ix_sessions_outcome", "outcome", "started_at", "id"),
)

SESSION_DETAILS: Final = Table(
    "session_details",
    METADATA,
    Column("session_id", Text, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("mass_kg", Float, nullable=False),
    Column("attendant", Text, nullable=False),
    Column("plan", JsonText, nullable=False),
    Column("events", JsonText, nullable=False),
    Column("answers", JsonText, nullable=False),
    Column("stops", JsonText, nullable=False),
    Column("overrides", JsonText, nullable=False),
    Column("black_box", JsonText),
    Column("series", LargeBinary, nullable=False),
)

REMOVED_SESSIONS: Final = Table(  # so that the journal, read again, does not bring back what was removed on purpose
    "removed_sessions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
)

MEASURES: Final = Table(
    "measures",
    METADATA,
    Column("id", RowNumber, primary_key=True),
    Column("person_id", Text, ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    Column("measure", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("day", Date, nullable=False),
    Column("by", Text, nullable=False),
    Index(None, "person_id", "day"),
    sqlite_autoincrement=True,
)

PROOF_TESTS: Final = Table(
    "proof_tests",
    METADATA,
    Column("machine", Text, primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("passed", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
)

AUDIT: Final = Table(  # a trigger refuses every UPDATE and DELETE
    "audit",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("digest", Text, nullable=False),
)

AUDIT_HEAD: Final = Table(  # one row: what the next entry goes on from, locked while it is written
    "audit_head",
    METADATA,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
)

IMPORT_CURSOR: Final = Table(
    "import_cursor",
    METADATA,
    Column("journal", Text, primary_key=True),
    Column("position", JsonText, nullable=False),
    Column("at", Instant, nullable=False),
)

IDEMPOTENCY_KEYS: Final = Table(
    "idempotency_keys",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("request_digest", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", Instant, nullable=False, index=True),
)

SETTINGS: Final = Table(
    "settings",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", JsonText, nullable=False),
)
