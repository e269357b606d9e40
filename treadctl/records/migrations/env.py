"""What Alembic runs: the steps, on the connection and in the transaction of the caller."""

from alembic import context

from treadctl.records.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
