"""The version of a journal's tables: brought up to this code's, or refused."""

from __future__ import annotations

import sqlalchemy as sa

from xsmom.errors import StateError
from xsmom.store.database import Place

REVISIONS = ("0001", "0002")
"""All migrations, oldest first; each is a file in `migrations/versions`."""

_HEAD = REVISIONS[-1]


def settle_schema(connection: sa.Connection, place: Place) -> None:
    """Make or upgrade the tables; what is newer than this code is refused and left alone."""
    found = read_revision(connection)
    refuse_newer(found, place)
    if found != _HEAD:
        migrate(connection, _HEAD)


def read_revision(connection: sa.Connection) -> str | None:
    """Version of the tables; None where there are none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return found


def refuse_newer(found: str | None, place: Place) -> None:
    """Tables that this code does not know are another version's."""
    if found is not None and found not in REVISIONS:
        raise StateError(
            f"the journal {place.name} has tables of version {found}, and this version of xsmom knows {_HEAD}: "
            "upgrade the package, or use the one that wrote it"
        )


def migrate(connection: sa.Connection, revision: str) -> None:
    """Bring the tables up or down to a version, in the caller's transaction."""
    # Imported here: reading a journal whose tables are right needs no alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "xsmom.store:migrations")
    config.attributes["connection"] = connection
    known = read_revision(connection)
    order = ("base", *REVISIONS)
    if order.index(revision) < order.index(known or "base"):
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)
