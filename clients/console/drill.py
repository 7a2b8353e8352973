"""`yj drill plan | start | end | list | show | find | found-done | call-off | rehearse | certificate | selftest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console.checked import checked
from clients.console.context import Misuse, NotInOrder, instance
from clients.console.output import Output
from clients.console.people import Alone, Approver, Operator, PasswordFile, Passwords, acting

if TYPE_CHECKING:
    from fallback_server.store.session import Store, Tx

group = typer.Typer(no_args_is_help=True, help="drills: plan, begin, end, findings, certificate, self-test")
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
Number = Annotated[int, typer.Argument(min=1, help="number of the drill, as in `yj drill list`")]
Newest = Annotated[int | None, typer.Argument(min=1, help="number of the drill; the one now on, else the newest")]
Reason = Annotated[str, typer.Option("--reason", help="why, in words")]
Many = Annotated[list[str] | None, typer.Option(help="may be repeated")]
SWITCH = ("admin", "duty")
FINDERS = ("admin", "duty", "supervisor")


@group.command()
def plan(
    ctx: typer.Context,
    operator: Operator,
    title: Annotated[str, typer.Option(help="what it is called")],
    objectives: Annotated[str, typer.Option(help="what it is for")] = "",
    on: Annotated[str | None, typer.Option("--on", help="when, like 2026-12-06T22:00")] = None,
    department: Many = None,
    workstation: Many = None,
    person: Many = None,
    observer: Many = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Write a drill down: what for, where, with whom, who looks on."""
    from fallback_server.windows.console import usecases
    from fallback_server.windows.console.api.drills import DrillPlan

    given: dict[str, Any] = {
        "title": title, "objectives": objectives, "planned_for": on, "departments": department or None,
        "workstations": workstation or [], "people": person or [], "observers": observer or [],
    }  # fmt: skip
    named = {"planned_for": f"--on {on}", "people": "--person", "departments": "--department"}
    named |= {name: f"--{name[:-1]}" for name in ("workstations", "observers")}
    wanted = checked(DrillPlan, given, named).model_dump()
    with instance(ctx).store() as store:
        _act(store, operator, SWITCH, password_file, lambda tx: usecases.plan_drill(tx, **wanted), Output(as_json))


@group.command()
def start(
    ctx: typer.Context, number: Number, operator: Operator, password_file: PasswordFile = None, as_json: Json = False
) -> None:
    """Switch on as this drill: windows work on the standby, nothing of it is ever uploaded."""
    from fallback_server.store import drills

    def begin(tx: Tx) -> int:
        drills.start(tx, number)
        return number

    with instance(ctx).store() as store:
        _act(store, operator, SWITCH, password_file, begin, Output(as_json))


@group.command()
def end(
    ctx: typer.Context,
    operator: Operator,
    approver: Approver = None,
    alone: Alone = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """End the drill that is on, with a second person: grace for what is in hand, then windows are at the HIS again."""
    from fallback_server.domain.errors import YjError
    from fallback_server.domain.modes import Permit
    from fallback_server.store import drills, mode_switch, second_person

    found = instance(ctx)
    policy = found.policy
    if approver is None and alone is None and "drill_end" in policy.two_persons:
        raise Misuse("--approver: ending a drill needs a second person (supervisor, duty or admin), or --alone and why")
    with found.store() as store:
        actor = acting(
            store, operator, SWITCH, Passwords(password_file), approver, policy=policy, acts=("drill_end",),
            alone=alone,
        )  # fmt: skip
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            number = drills.running(tx.conn)
            if number is None or not tx.mode.drill:
                raise YjError("wrong_state", current=tx.mode.mode.value, wanted="drill end")
            second_person.require(tx, policy, "drill_end", str(tx.mode.incident_no))
            mode_switch.begin_return(tx, upload=False, grace_seconds=policy.grace_seconds, hold_seconds=0)
        _show(store, number, Output(as_json))


@group.command(name="list")
def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """Every drill and the last self-tests, newest first; exit 1 where there was none."""
    from fallback_server.store import drills
    from fallback_server.windows.console.queries import drills as queries

    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        rows = [queries.brief(row) for row in drills.listed(tx.conn)]
        tests = [queries.self_test(row) for row in drills.self_tests(tx.conn)]
    out.table(
        "演练 · drills", ["number", "title", "state", "incident", "when", "findings"],
        [[row["id"], row["title"], row["state"], row["incident_no"] or "–", row["opened_at"] or row["planned_for"] or
          "–", row["findings"]] for row in rows],
        right=[0, 3, 5],
    )  # fmt: skip
    verdict = {True: "passed", False: "NOT passed", None: "unfinished"}
    out.table(
        "自检 · self-tests", ["began", "", "from", "problem"],
        [[row["started_at"], verdict[row["ok"]], row["source"] or "–", row["problem"] or ""] for row in tests],
    )  # fmt: skip
    out.document({"drills": rows, "self_tests": tests})
    if not rows:
        raise typer.Exit(1)


@group.command()
def show(ctx: typer.Context, number: Newest = None, as_json: Json = False) -> None:
    """A drill with its figures and findings, as they stand."""
    with instance(ctx).store() as store:
        _show(store, number, Output(as_json))


@group.command()
def find(
    ctx: typer.Context,
    number: Number,
    operator: Operator,
    kind: Annotated[str, typer.Option(help="problem good idea")],
    text: Annotated[str, typer.Option(help="what was found, in words")],
    owner: Annotated[str, typer.Option(help="who puts it right")] = "",
    due: Annotated[str | None, typer.Option(help="by when, like 2026-12-20")] = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Key in what was found, during a drill or after it."""
    from fallback_server.store import drills
    from fallback_server.windows.console.api.drills import FindingRequest

    given = {"kind": kind, "text": text, "owner": owner, "due_on": due}
    found = checked(FindingRequest, given, {"kind": f"--kind {kind}", "due_on": f"--due {due}"}).model_dump()

    def add(tx: Tx) -> int:
        drills.add_finding(tx, number, **found)
        return number

    with instance(ctx).store() as store:
        _act(store, operator, FINDERS, password_file, add, Output(as_json))


@group.command(name="found-done")
def found_done(
    ctx: typer.Context,
    finding: Annotated[int, typer.Argument(min=1, help="its id in `yj drill show`")],
    operator: Operator,
    how: Annotated[str, typer.Option("--note", help="how it was mended")],
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """What a drill found is mended."""
    from fallback_server.store import drills
    from fallback_server.windows.console.api.drills import FindingDoneRequest

    body = checked(FindingDoneRequest, {"note": how})
    with instance(ctx).store() as store:
        _act(
            store, operator, FINDERS, password_file, lambda tx: drills.finding_done(tx, finding, body.note),
            Output(as_json),
        )  # fmt: skip


@group.command(name="call-off")
def call_off(
    ctx: typer.Context, number: Number, operator: Operator, reason: Reason, password_file: PasswordFile = None
) -> None:
    """A planned drill that will not take place; it stays on record."""
    from fallback_server.store import drills
    from fallback_server.windows.console.api.drills import ReasonRequest

    body = checked(ReasonRequest, {"reason": reason})

    def off(tx: Tx) -> int:
        drills.call_off(tx, number, body.reason)
        return number

    with instance(ctx).store() as store:
        _act(store, operator, SWITCH, password_file, off, Output(False))


@group.command()
def rehearse(
    ctx: typer.Context, number: Number, operator: Operator, password_file: PasswordFile = None, as_json: Json = False
) -> None:
    """Return the documents of a drill that is over to the copy of the centre, and account for them.

    Only to `[central] rehearsal_url`; refused where that is the centre itself. Exit 1 unless the account balances.
    """
    from sync.worker.drills import rehearse as run

    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, SWITCH, Passwords(password_file))
        with found.gateway() as centre:
            report = run(store, centre, found.settings, number, actor.operator_code)
    out.say(f"{report['documents']} documents: {report['told_en']} ({report['upload_seconds']} s)")
    if "balanced" in report:
        out.say(f"account: {'balanced' if report['balanced'] else 'NOT balanced'}, {report['differences']} differences")
    out.document(report)
    if not report["ok"]:
        raise typer.Exit(1)


@group.command()
def certificate(
    ctx: typer.Context,
    number: Number,
    out_file: Annotated[Path, typer.Option("--out", help="FILE.html or FILE.pdf")],
    operator: Operator,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """The certificate of a drill that is over: figures, participants, findings, lines for signatures."""
    from clients.pages import PAGES_DIR
    from fallback_server.app import create_app
    from fallback_server.domain.modes import Permit
    from fallback_server.web import archive
    from fallback_server.web.routes import READ_EVERYTHING

    if out_file.suffix not in (".html", ".pdf"):
        raise Misuse(f"--out {out_file}: must end in .html or .pdf")
    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, (*READ_EVERYTHING, "duty"), Passwords(password_file))
        app = create_app(found.settings, found.clock, PAGES_DIR, store=store)
        made = archive.printed(app, f"/print/drill/{number}", actor)
        content = archive.as_pdf(app, made) if out_file.suffix == ".pdf" else made.html.encode()
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            tx.audit("drill.certificate", subject=str(number), file=out_file.name)
    try:
        out_file.write_bytes(content)
    except OSError as error:
        raise Misuse(f"--out {out_file}: cannot be written ({error.strerror})") from error
    out.say(f"{made.number}: {out_file}")
    out.document({"number": made.number, "file": str(out_file), "bytes": len(content)})


@group.command()
def selftest(
    ctx: typer.Context, as_json: Json = False, job: Annotated[int | None, typer.Option("--job", hidden=True)] = None
) -> None:
    """Run the weekly self-test now; exit 1 if it is not passed. Needs nobody, and touches no work of anybody."""
    from clients.console import serving
    from clients.console.self_test.run import run

    out, found = Output(as_json), instance(ctx)
    serving.stop_on_signals()  # what is in its folder goes, however it ends
    with found.store() as store:
        done = run(found, store, _requester(store, job))
    steps = [[one["step"], f"{one['seconds']:.2f}"] for one in done["steps"]]
    out.table("自检 · self-test", ["step", "seconds"], steps, right=[1])
    out.say(f"from {done['source'] or '–'}: {'通过 passed' if done['ok'] else '未通过 NOT passed'}")
    out.document(done)
    if not done["ok"]:
        raise NotInOrder(str(done["problem"]))


def _requester(store: Store, job: int | None) -> str:
    """Who asked the worker for the self-test that this is; without a job of it the system itself. Raises Misuse."""
    from fallback_server.store import jobs
    from fallback_server.store.mode import SYSTEM_OPERATOR

    if job is None:
        return SYSTEM_OPERATOR
    with store.reading() as tx:
        asked = jobs.find(tx.conn, job)
    if asked is None or (asked["kind"], asked["state"]) != (jobs.SELF_TEST, "running"):
        raise Misuse(f"--job {job}: is no self-test that the worker runs now")
    return str(asked["requested_by"])


def _act(store: Store, operator: str, roles: tuple[str, ...], passwords: Path | None, act: Any, out: Output) -> None:
    """One act of one person, then the drill as it is; `act` gets the transaction and returns the drill's number."""
    from fallback_server.domain.modes import Permit

    actor = acting(store, operator, roles, Passwords(passwords))
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        number = act(tx)
    _show(store, number, out)


def _show(store: Store, number: int | None, out: Output) -> None:
    from fallback_server.store import drills
    from fallback_server.windows.console.queries import drills as queries

    with store.reading() as tx:
        rows = drills.listed(tx.conn, 1)
        number = number or drills.running(tx.conn) or (int(rows[0]["id"]) if rows else None)
        if number is None:
            raise NotInOrder("there is no drill yet; `yj drill plan` makes one")
        one = queries.detail(tx, number)
    out.say(f"drill {one['id']}: {one['title']}, {one['state']}, incident {one['incident_no'] or '–'}")
    if one["measures"] is not None:
        _tell_figures(one["measures"], out)
    if one["cut_off_by"]:
        out.say(f"cut off by the real outage of incident {one['cut_off_by']}: the way back was not tried")
    found = [
        [row["id"], row["kind"], row["text"], row["owner"] or "–", row["due_on"] or "–", (row["done_at"] or "–")[:10]]
        for row in one["findings"]
    ]
    if found:
        out.table("发现 · findings", ["id", "", "what", "who", "by", "done"], found, right=[0])
    out.document(one)


def _tell_figures(figures: dict[str, Any], out: Output) -> None:
    from fallback_server.domain.drills import MILESTONES

    def shown(seconds: int | None) -> str:
        return "–" if seconds is None else f"{seconds // 60}:{seconds % 60:02d}"

    switch = figures["switch"]
    out.say(f"last workstation switched after {shown(switch['last_seconds'])} ({switch['known']} of {switch['of']})")
    if switch["missing"]:
        out.say(f"did not switch: {', '.join(switch['missing'])}")
    columns = ("switched", *MILESTONES)
    rows = [[row["workstation"], *(shown(row[name]) for name in columns)] for row in figures["windows"]]
    out.table("用时 · minutes:seconds from the switch", ["window", *columns], rows, right=[1, 2, 3, 4, 5])
    done = ", ".join(f"{n} {entity}" for entity, n in figures["documents"].items()) or "no documents"
    out.say(f"{done}; {figures['total']} in all; back at the HIS after {shown(figures['back_seconds'])}")
