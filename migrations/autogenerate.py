"""Write the next revision from the difference between the code's tables and an empty store brought to head.

For developers: `python -m migrations.autogenerate "what changed"`. Guards (append-only triggers) are added by hand.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import Connection

from fallback_server.store.database import open_engine
from migrations.upgrade import config


def write(message: str, connection: Connection) -> None:
    """Bring `connection`'s empty store to head and write the difference as a new revision file."""
    command.upgrade(config(connection), "head")
    number = _next_number()
    command.revision(config(connection), message, autogenerate=True, rev_id=number)
    if number == "0001":
        _guard(next((Path(__file__).parent / "versions").glob("0001_*.py")))


def _guard(revision: Path) -> None:
    """Let the first revision put the append-only triggers on its tables."""
    text = revision.read_text(encoding="utf-8")
    text = text.replace(
        "from alembic import op\n",
        "from alembic import op\n\nfrom fallback_server.store import guards\n",
    )
    text = text.replace(
        "    # ### end Alembic commands ###\n",
        "    # ### end Alembic commands ###\n"
        "    for statement in guards.statements(op.get_bind().dialect.name):\n"
        "        op.execute(statement)\n",
        1,
    )
    revision.write_text(text, encoding="utf-8")


def _next_number() -> str:
    return f"{len(list((Path(__file__).parent / 'versions').glob('[0-9]*.py'))) + 1:04d}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/yj.db", mirror_writable=True, pool_size=1)
        with engine.connect() as connection, connection.execution_options(yj_write=True).begin():
            write(" ".join(sys.argv[1:]) or "change", connection)
