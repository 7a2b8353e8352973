"""`yj reconcile`: do both sides agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.console.context import Misuse, NotInOrder, instance
from clients.console.locks import say_if_waiting
from clients.console.output import Output


def reconcile(
    ctx: typer.Context,
    incident: Annotated[int | None, typer.Option("--incident", min=1, help="default the newest")] = None,
    out_file: Annotated[Path | None, typer.Option("--out", help="write it to FILE.json, .html or .xlsx")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Compare our tables, the ledger and the centre's own; exit 1 while anything differs unexplained."""
    from clients.console import account_file
    from clients.console.incidents import chosen, newest
    from fallback_server.store.sign_off import current_report
    from sync.reconcile.run import LOCK, run_reconcile

    if out_file is not None and out_file.suffix not in account_file.SUFFIXES:
        raise Misuse(f"--out {out_file}: the name must end in {', '.join(account_file.SUFFIXES)}")
    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        with store.reading() as tx:
            if incident is None and newest(tx.conn) is None:
                _nothing_yet(out)
            number = chosen(tx.conn, incident)
        with found.gateway() as gateway:
            say_if_waiting(out, store.url, LOCK)
            run_reconcile(store, gateway, number)
        with store.reading() as tx:
            account: dict[str, Any] = current_report(tx.conn, number) or {}
            _tell(out, account)
            if out_file is not None:
                try:
                    account_file.write(tx, number, out_file, hospital=found.settings.windows.hospital_name)
                except OSError as error:
                    raise Misuse(f"--out {out_file}: cannot be written ({error.strerror})") from error
                out.say(f"written: {out_file}")
    out.document(account)
    if not account["balanced"]:
        raise typer.Exit(1)


def _nothing_yet(out: Output) -> None:
    """A program that asks before the first outage gets its document too."""
    zero = {"local": "0.00", "ledger": "0.00", "central": "0.00"}
    out.document({"incident_no": None, "balanced": False, "totals": zero, "cashiers": [], "differences": []})
    raise NotInOrder("there is no incident yet")


def _tell(out: Output, account: dict[str, Any]) -> None:
    from fallback_server.domain import differences

    totals = account["totals"]
    out.table(
        "合计 · totals",
        ["local", "ledger", "central"],
        [[totals["local"], totals["ledger"] or "–", totals["central"]]],
        right=[0, 1, 2],
    )
    _tell_layers(out, account)
    rows = [[one["operator"], one["difference"]] for one in account["cashiers"]]
    out.table("按收费员 · by cashier", ["operator", "difference"], rows, right=[1])
    shown = [
        [
            one["id"],
            f"{differences.KINDS.get(one['kind'], ('',))[0]} {one['kind']}".strip(),
            *(differences.words(one[side]) for side in ("local", "central")),
            one.get("explained_by"),
        ]
        for one in account["differences"]
    ]
    if shown:
        out.table("差异 · differences", ["id", "kind", "YJ", "centre", "explained by"], shown)
        if account.get("reopened"):
            out.say("a document came or moved since: run it again · 账后又有单据变动，请再对账")
        elif not account["balanced"]:
            out.say("explain one by name: yj incident explain ID --operator CODE --note '…'")
    out.say(f"incident {account['incident_no']}: {'balanced 已平' if account['balanced'] else 'NOT BALANCED 未平'}")


def _tell_layers(out: Output, account: dict[str, Any]) -> None:
    from fallback_server.domain.differences import LAYERS

    rows = [
        [
            f"{one['layer']} {LAYERS[one['name']][0]} {one['name']}",
            "相符 ok" if one["ok"] else "不符 differs",
            one["compared"],
            one["differences"],
            one["seconds"],
        ]
        for one in account["layers"]
    ]
    out.table("五层 · layers", ["layer", "result", "compared", "differences", "s"], rows, right=[2, 3, 4])
    broken = [
        [f"{book['prefix']} {book['from']}–{book['to']}", book["operator"], book["range"], book["used"], book["void"],
         book["unknown"], book["missing"], " ".join(book["doubled_numbers"])]
        for book in account["books"] if not book["continuous"]
    ]  # fmt: skip
    if broken:
        heads = ["book", "operator", "range", "used", "void", "unknown", "missing", "doubled"]
        out.table("票据簿不连续 · books with gaps", heads, broken, right=[2, 3, 4, 5, 6])
    _tell_posting(out, account["posting"])


def _tell_posting(out: Output, posting: dict[str, Any]) -> None:
    if not posting["asked"]:
        return
    taken = [[one["closing_date"], one["operator"], one["closing_no"], one["documents"], one["amount"]]
             for one in posting["closings"]]  # fmt: skip
    taken += [[one["posting_date"], one["operator"], "未日结 not yet", one["documents"], one["amount"]]
              for one in posting["not_yet"]]  # fmt: skip
    out.table("入账与日结 · posting", ["day", "operator", "closing", "documents", "amount"], taken, right=[3, 4])
    if posting["closed_period"]:
        rows = [[one["yj_no"], one["operator"], one["business_date"], one["posting_date"], one["amount"]]
                for one in posting["closed_period"]]  # fmt: skip
        heads = ["document", "operator", "business day", "posted", "amount"]
        out.table("业务日已结，记入下一未结日 · day was closed", heads, rows, right=[4])
