"""`yj mirror run | status | history | rejected | stop | go | rollback | wipe`: the copy of the centre."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from clients.console import mirror_views, output
from clients.console.context import Instance, Misuse, instance
from clients.console.output import Output
from clients.console.people import Alone, Approver, Asked, Operator, PasswordFile, Passwords, acting, person

if TYPE_CHECKING:
    from fallback_server.store.session import Store
    from sync.mirror.run import RunReport

group = typer.Typer(no_args_is_help=True, help="the copy of the centre")
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
APPROVE = ("admin",)
STOP = ("admin", "duty")


@group.command()
def run(
    ctx: typer.Context,
    dataset: Annotated[list[str] | None, typer.Option(help="only this dataset; may be repeated")] = None,
    approve: Annotated[
        int | None, typer.Option(min=1, help="publish this held run, if its content is unchanged")
    ] = None,
    reason: Annotated[str, typer.Option(help="why a held run is approved")] = "approved at the command line",
    operator: Asked = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Refresh now; exit 0 only if the new generation was published. Waits for a running mirror."""
    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        by = "system"
        if approve is not None:
            by = acting(store, person(operator), APPROVE, Passwords(password_file)).operator_code
        report = run_now(found, store, out, dataset, approve=approve, reason=reason, by=by)
    mirror_views.tell_run(out, report)
    out.document(asdict(report))
    if not report.published:
        raise typer.Exit(1)


def run_now(
    found: Instance,
    store: Store,
    out: Output,
    dataset: list[str] | None = None,
    *,
    by: str,
    approve: int | None = None,
    reason: str | None = None,
) -> RunReport:
    """One run with its progress on the terminal, behind one that is at work. Raises Misuse without a centre, or for a
    dataset that is not known or not offered."""
    from fallback_server.domain.datasets import DATASETS
    from sync.mirror.refresh import refresh

    unknown = [name for name in dataset or () if name not in DATASETS]
    if unknown:
        raise Misuse(f"--dataset {', '.join(unknown)}: not known; there are {', '.join(DATASETS)}")
    with found.gateway() as gateway, out.progress("datasets") as ticker:
        missing = sorted(set(dataset or ()) - set(gateway.offers()))
        if missing:
            raise Misuse(
                f"--dataset {', '.join(missing)}: the mapping {found.settings.central.mapping} does not offer it"
            )
        shown = mirror_views.RowProgress(ticker)
        return refresh(
            store, gateway, found.settings.mirror, dataset, requested_by=by, approve=approve, approved_reason=reason,
            progress=shown.dataset, seen=shown.rows,
        )  # fmt: skip


@group.command()
def status(ctx: typer.Context, as_json: Json = False) -> None:
    """Rows and age of every dataset; exit 1 if something is missing, too old, held, stopped or failed."""
    from sync.mirror.status import mirror_status

    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        state = mirror_status(store, found.settings.mirror)
    mirror_views.tell_status(out, state)
    out.document(state.as_json())
    if not state.ok:
        output.complain(mirror_views.not_in_order(state))
        raise typer.Exit(1)


@group.command()
def history(
    ctx: typer.Context,
    hours: Annotated[int, typer.Option(min=1, max=168, help="how far back")] = 24,
    as_json: Json = False,
) -> None:
    """What the last runs did and cost the centre, and how old the data were meanwhile."""
    from fallback_server.store import mirror_history

    out, found = Output(as_json), instance(ctx)
    with found.store() as store, store.reading() as tx:
        told = mirror_history.history(tx.conn, tx.now, hours, found.settings.mirror)
    mirror_views.tell_history(out, told)
    out.document(told)


@group.command()
def rejected(
    ctx: typer.Context,
    dataset: Annotated[list[str] | None, typer.Option(help="only this dataset; may be repeated")] = None,
    run_id: Annotated[int | None, typer.Option("--run", min=1, help="those of this run")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="at most so many")] = 200,
    as_json: Json = False,
) -> None:
    """Rows of the centre that the mirror set aside, and why: for the DBA to mend there."""
    from fallback_server.store import mirror_status

    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        items = mirror_status.rejections(tx.conn, limit, run_id=run_id, datasets=dataset)
    rows = [[one["dataset"], one["row_key"], one["reason"], one["detail"]] for one in items]
    if rows:
        out.table("被搁置的行 · set aside", ["dataset", "key", "reason", "detail"], rows)
    out.say(f"{len(rows)} rows set aside" + (f"; --limit {limit} shows no more" if len(rows) == limit else ""))
    out.document({"items": items})


@group.command()
def stop(
    ctx: typer.Context,
    operator: Operator,
    reason: Annotated[str, typer.Option("--reason", help="why, in words")],
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Stop the mirror until `go`: a run at work ends between two pages and publishes nothing."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import stop_orders

    if not reason.strip():
        raise Misuse("--reason: is empty; say why in words")
    out = Output(as_json)
    with instance(ctx).store() as store:
        actor = acting(store, operator, STOP, Passwords(password_file))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            order = stop_orders.stop(tx, reason)
    out.say(f"the mirror is stopped since {order['stopped_at']}: {order['reason']}")
    out.document({"stopped": order})


@group.command()
def go(ctx: typer.Context, operator: Operator, password_file: PasswordFile = None, as_json: Json = False) -> None:
    """Let the mirror go on."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import stop_orders

    out = Output(as_json)
    with instance(ctx).store() as store:
        actor = acting(store, operator, STOP, Passwords(password_file))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            was = stop_orders.go(tx)
    out.say("the mirror goes on" if was else "nothing stopped it")
    out.document({"stopped": None})


@group.command()
def wipe(
    ctx: typer.Context,
    operator: Operator,
    reason: Annotated[str, typer.Option("--reason", help="why, in words")],
    approver: Approver = None,
    alone: Alone = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Wipe the patients out of the copy (two people); it stays stopped until `go`. Not with an unclosed incident."""
    from sync.mirror.wipe import wipe as wipe_now
    from sync.worker.drills import scratch_folders

    if not reason.strip():
        raise Misuse("--reason: is empty; say why in words")
    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        actor = acting(
            store, operator, APPROVE, Passwords(password_file), approver, policy=found.policy, acts=("wipe",),
            alone=alone,
        )  # fmt: skip
        done = wipe_now(store, found.policy, actor, reason, scratch_folders(found.settings))
    gone = ", ".join(f"{name} {count}" for name, count in done.rows.items() if count)
    out.say(f"已清除 wiped: {gone or 'nothing was left'}")
    out.say("the mirror is stopped; `yj mirror go` fetches everybody again")
    out.document(done.as_json())
    left = [] if done.file else ["a window still reads the file: close the windows and run it again"]
    left += [f"{name}: somebody is at work with a copy; wait for its end and run it again" for name in done.in_use]
    if left:
        output.complain(left)
        raise typer.Exit(1)


@group.command()
def rollback(
    ctx: typer.Context, operator: Asked = None, password_file: PasswordFile = None, as_json: Json = False
) -> None:
    """Undo the newest generation (admin); not while an outage takes documents."""
    from sync.mirror import rollback as rolling

    out = Output(as_json)
    with instance(ctx).store() as store:
        actor = acting(store, person(operator), APPROVE, Passwords(password_file))
        number = rolling.go_back(store, actor.operator_code)
    out.say(f"generation {number} is current; the next run reads the centre again, unless `yj mirror stop` holds it")
    out.document({"generation": number})
