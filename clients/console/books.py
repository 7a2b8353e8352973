"""`yj book add | list`: receipt books."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.console.context import instance
from clients.console.output import Output
from clients.console.people import Operator, PasswordFile, Passwords, acting

group = typer.Typer(no_args_is_help=True, help="receipt books")


@group.command(name="list")
def list_books(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False
) -> None:
    """Books in use here, with the next number of each."""
    from sqlalchemy import select

    from fallback_server.store.cash import receipt_book

    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        statement = select(receipt_book).order_by(
            receipt_book.c.operator_code, receipt_book.c.prefix, receipt_book.c.start_no
        )
        books: list[dict[str, Any]] = [dict(row) for row in tx.conn.execute(statement).mappings()]
    columns = ("operator_code", "prefix", "start_no", "end_no", "next_no", "source")
    out.table("票据段 · receipt books", columns, [[book[name] for name in columns] for book in books], right=[2, 3, 4])
    out.document({"items": books})


@group.command()
def add(
    ctx: typer.Context,
    operator: Operator,
    to: Annotated[str, typer.Option("--for", help="whose book it is")],
    prefix: Annotated[str, typer.Option(help="letters before the number")],
    start: Annotated[int, typer.Option(min=1, help="first number")],
    end: Annotated[int, typer.Option(min=1, help="last number")],
    password_file: PasswordFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Give an operator a new book (supervisor)."""
    from fallback_server.acts import receipt_paper
    from fallback_server.domain.modes import Permit

    out = Output(as_json)
    found = instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, ("supervisor",), Passwords(password_file))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            book = receipt_paper.issue(tx, found.policy, to, prefix, start, end)
    out.say(f"{to}: {prefix}{start}–{prefix}{end}")
    out.document(book)
