"""What Alembic runs: the migrations, in the transaction that webapp/schema.py has begun."""

from alembic import context

from webapp.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
