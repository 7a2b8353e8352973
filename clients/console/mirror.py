"""`yj mirror run | status | rollback`: the copy of the centre."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console import output
from clients.console.context import Instance, Misuse, instance
from clients.console.output import Output
from clients.console.people import Asked, PasswordFile, Passwords, acting, person

if TYPE_CHECKING:
    from fallback_server.store.session import Store
    from sync.mirror.run import RunReport

group = typer.Typer(no_args_is_help=True, help="the copy of the centre")
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
APPROVE = ("admin",)


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
        report = _run(found, store, out, dataset, approve, reason, by)
    _tell(out, report)
    out.document(asdict(report))
    if not report.published:
        raise typer.Exit(1)


def _run(
    found: Instance,
    store: Store,
    out: Output,
    dataset: list[str] | None,
    approve: int | None,
    reason: str,
    by: str,
) -> RunReport:
    from fallback_server.domain.datasets import DATASETS
    from sync.mirror.run import run_mirror

    unknown = [name for name in dataset or () if name not in DATASETS]
    if unknown:
        raise Misuse(f"--dataset {', '.join(unknown)}: not known; there are {', '.join(DATASETS)}")
    with found.gateway() as gateway, out.progress("datasets") as ticker:
        missing = sorted(set(dataset or ()) - set(gateway.offers()))
        if missing:
            raise Misuse(
                f"--dataset {', '.join(missing)}: the mapping {found.settings.central.mapping} does not offer it"
            )
        return run_mirror(
            store, gateway, found.settings.mirror, dataset, requested_by=by, approve=approve, approved_reason=reason,
            progress=lambda name, done, total: ticker.advance(done, total, name),
        )  # fmt: skip


def _tell(out: Output, report: RunReport) -> None:
    names = list(dict.fromkeys(name for counts in report.counts.values() for name in counts))
    rows = [[dataset, *(counts.get(name) for name in names)] for dataset, counts in report.counts.items()]
    out.table("镜像 · mirror", ["dataset", *names], rows, right=list(range(1, len(names) + 1)))
    # `--json` has the time of every dataset; people want the three parts.
    took = ", ".join(
        f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items() if not name.startswith("read ")
    )
    out.say(f"run {report.run_id}: {report.state}, generation {report.generation or '–'} ({took})")
    if not report.published:
        output.complain(f"{problem.get('dataset') or 'run'}: {_words(problem)}" for problem in report.problems)


def _words(problem: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value}" for name, value in problem.items() if name != "dataset" and value not in (None, "")
    )


@group.command()
def status(ctx: typer.Context, as_json: Json = False) -> None:
    """Rows and age of every dataset; exit 1 if something is missing, too old, held or failed."""
    from sync.mirror.status import mirror_status

    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        state = mirror_status(store, found.settings.mirror)
    rows = [[one.dataset, one.rows, one.as_of, _age(one.age_seconds), one.stale] for one in state.datasets]
    out.table("镜像 · mirror", ["dataset", "rows", "as of", "age", "state"], rows, right=[1, 3])
    last = state.last_run
    out.say(f"generation {state.generation or '–'}; last run: {last['state'] if last else 'never'}")
    out.document(state.as_json())
    if not state.ok:
        held = [
            f"run {one['run_id']} is held; see it, then `yj mirror run --approve {one['run_id']}`" for one in state.held
        ]
        old = [f"{one.dataset} is {_age(one.age_seconds)} old" for one in state.datasets if one.stale == "fail"]
        output.complain(held + old or ["there is no mirror yet, or its newest run failed: `yj mirror run`"])
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
    out.say(f"generation {number} is current")
    out.document({"generation": number})


def _age(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds >= 120 else f"{seconds} s"
