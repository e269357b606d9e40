"""The first form of the tables. Frozen: it names nothing of the present code."""

from __future__ import annotations

from alembic import op
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

revision = "0001_first"
down_revision = None
branch_labels = None
depends_on = None

RowNumber = BigInteger().with_variant(Integer(), "sqlite")

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Table(
    "users",
    METADATA,
    Column("id", RowNumber, primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("password_hash", Text),
    Column("pin_hash", Text),
    Column("failed_tries", Integer, nullable=False),
    Column("last_failed_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger),
    sqlite_autoincrement=True,
)

Table(
    "web_sessions",
    METADATA,
    Column("token_hash", Text, primary_key=True),
    Column("user_id", RowNumber, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("door", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False, index=True),
)

Table(
    "persons",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name_sealed", LargeBinary),
    Column("facts", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("erased_at", BigInteger),
)

Table(
    "person_words",
    METADATA,
    Column("person_id", Text, ForeignKey("persons.id", ondelete="CASCADE"), primary_key=True),
    Column("token", Text, primary_key=True, index=True),
)

Table(
    "screenings",
    METADATA,
    Column("id", RowNumber, primary_key=True),
    Column("person_id", Text, ForeignKey("persons.id", ondelete="CASCADE"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("signer", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("answers", Text, nullable=False),
    Index(None, "person_id", "at"),
    sqlite_autoincrement=True,
)

Table(
    "overrides",
    METADATA,
    Column("id", RowNumber, primary_key=True),
    Column("person_id", Text, ForeignKey("persons.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("rule", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    Column("withdrawn_by", Text, nullable=False),
    sqlite_autoincrement=True,
)

Table(
    "prescriptions",
    METADATA,
    Column("id", RowNumber, primary_key=True),
    Column("person_id", Text, ForeignKey("persons.id", ondelete="CASCADE"), index=True),
    Column("number", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    sqlite_autoincrement=True,
)

Table(
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
    Column("at", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    UniqueConstraint("prescription_id", "number"),
    sqlite_autoincrement=True,
)

Table(
    "armings",
    METADATA,
    Column("request_id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("persons.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("revision_id", RowNumber, ForeignKey("revisions.id", ondelete="SET NULL"), index=True),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

Table(
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
    Column("started_at", BigInteger, nullable=False),
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
    Index("ix_sessions_started", "started_at", "id"),
    Index("ix_sessions_person", "person_id", "started_at", "id"),
)

Table(
    "session_details",
    METADATA,
    Column("session_id", Text, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("mass_kg", Float, nullable=False),
    Column("attendant", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("answers", Text, nullable=False),
    Column("stops", Text, nullable=False),
    Column("overrides", Text, nullable=False),
    Column("black_box", Text),
    Column("series", LargeBinary, nullable=False),
)

Table(
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

Table(
    "proof_tests",
    METADATA,
    Column("machine", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("passed", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
)

Table(
    "audit",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("digest", Text, nullable=False),
)

Table(
    "audit_head",
    METADATA,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
)

Table(
    "import_cursor",
    METADATA,
    Column("journal", Text, primary_key=True),
    Column("position", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

Table(
    "idempotency_keys",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("request_digest", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)

Table(
    "settings",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

NEVER_CHANGED = {
    "sqlite": (
        "CREATE TRIGGER revisions_stay BEFORE UPDATE ON revisions BEGIN SELECT RAISE(ABORT, 'a revision is never changed'); END",
        "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is never changed'); END",
        "CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is never changed'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION treadctl_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '% is never changed', TG_TABLE_NAME; END $$",
        "CREATE TRIGGER revisions_stay BEFORE UPDATE ON revisions FOR EACH ROW EXECUTE FUNCTION treadctl_refuse()",
        "CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION treadctl_refuse()",
        "CREATE TRIGGER audit_is_kept BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION treadctl_refuse()",
    ),
}


def upgrade() -> None:
    """Make the tables, the refusals, and the head of an empty audit trail."""
    connection = op.get_bind()
    METADATA.create_all(connection)
    for statement in NEVER_CHANGED[connection.dialect.name]:
        op.execute(statement)
    op.execute("INSERT INTO audit_head (id, number, digest) VALUES (1, 0, '')")
