"""Where Alembic is told what to upgrade: the connection, inside the transaction, that `Database.upgrade` opened."""

from __future__ import annotations

from alembic import context

from imgsvc.store.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
