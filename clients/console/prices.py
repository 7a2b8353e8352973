"""`yj price list | set | withdraw`: prices keyed in during an outage, by two people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from clients.console.context import Misuse, instance
from clients.console.output import Output
from clients.console.people import Approver, Operator, PasswordFile, Passwords, acting

group = typer.Typer(no_args_is_help=True, help="prices keyed in during an outage, by two people")
Reason = Annotated[str, typer.Option(help="why, for the audit and the HIS")]
KEYING = ("supervisor", "admin")
ACTS = ("price_override",)


@group.command(name="list")
def list_changes(
    ctx: typer.Context,
    ended: Annotated[bool, typer.Option("--ended", help="what is over instead of what stands")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """What stands over the frozen mirror, to be keyed into the HIS afterwards."""
    from fallback_server.acts import keyed_in

    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        items = keyed_in.listed(tx, ended=ended)
    columns = ("dataset", "code", "name", "kind", "price", "entered_by", "approver_code", "ended_how")
    rows = [[_shown(item, name) for name in columns] for item in items]
    out.table("应急改价 · prices keyed in", columns, rows, right=[4])
    out.document({"items": items})


def _shown(item: dict[str, Any], column: str) -> str:
    value = item["row"].get("unit_price") if column == "price" else item[column]
    return "" if value is None else str(value)


@group.command(name="set")
def set_price(
    ctx: typer.Context,
    dataset: Annotated[Literal["drug", "fee_item"], typer.Argument(help="which list")],
    code: Annotated[str, typer.Argument(help="of the drug or item")],
    price: Annotated[str, typer.Argument(help="the new unit price")],
    operator: Operator,
    reason: Reason,
    again: Annotated[str, typer.Option(help="the price as the second person reads it")],
    approver: Approver = None,
    password_file: PasswordFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Change a price until the centre has spoken (during an outage only)."""
    from fallback_server.acts import keyed_in
    from fallback_server.domain import money
    from fallback_server.domain.modes import Permit
    from fallback_server.domain.numbers import new_ulid
    from fallback_server.store import second_person

    out, found = Output(as_json), instance(ctx)
    try:
        first, second = (money.price_text(money.price(text)) for text in (price, again))
    except ValueError as error:
        raise Misuse(f"price: {error}; e.g. 12.5") from None
    if first != second:
        raise Misuse(f"--again: {again} is not {price}; both people must mean the same price")
    with found.store() as store:
        actor = acting(store, operator, KEYING, Passwords(password_file), approver, policy=found.policy, acts=ACTS)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            second_person.require(tx, found.policy, ACTS[0], code)
            made = keyed_in.change(
                tx, new_ulid(found.clock.now()), dataset, code, {"unit_price": first}, reason,
            )  # fmt: skip
    out.say(f"{code}: {first}")
    out.document(made)


@group.command()
def withdraw(
    ctx: typer.Context,
    change: Annotated[str, typer.Argument(help="id of the change, see `list --json`")],
    operator: Operator,
    reason: Reason,
    approver: Approver = None,
    password_file: PasswordFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Take a change back: the mirror's price holds again."""
    from fallback_server.acts import keyed_in
    from fallback_server.domain.modes import Permit
    from fallback_server.store import second_person

    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, KEYING, Passwords(password_file), approver, policy=found.policy, acts=ACTS)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            second_person.require(tx, found.policy, ACTS[0], change)
            ended = keyed_in.withdraw(tx, change, reason)
    out.say(f"{ended['code']}: {ended['ended_how']}")
    out.document(ended)
