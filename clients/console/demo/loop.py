"""The whole loop in order: normal day, outage, work, return, accounts. Persons act through the API as they would."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from clients.console.context import NotInOrder
from clients.console.demo import account, cast, centre, decide, plan
from clients.console.demo.chaos import Chaos
from clients.console.demo.check import Verdict, check, outbox_rows
from clients.console.demo.journal import Journal
from clients.console.demo.shelves import open_cases, read_shelf
from clients.console.demo.stage import Stage
from clients.console.demo.windows import Floor
from clients.console.output import Output, Ticker
from clients.sdk import YjClient

JOB_SECONDS = 300.0
STALL_SECONDS = 8.0
ROUNDS = 8
OFFICER = "A01"
PLAIN = frozenset({"insured", "emergency", "open_visit", "new_patient", "in_doubt"})  # nothing came back or jammed
# Short, so that the demo does not wait for what a hospital would; the rules behind them are the same.
SETTINGS: dict[str, dict[str, Any]] = {
    "windows": {"hospital_name": "示范医院"},
    "rules": {"grace_seconds": 8},
    "upload": {"return_hold": 300, "lease_seconds": 6, "heartbeat_seconds": 2, "retry_first_seconds": 1},
}
NEED = 40  # known patients beyond one for each visit


@dataclass(frozen=True)
class Plan:
    """What to play."""

    visits: int = 240
    scale: str = "clinic"
    seed: int = 20261122
    traffic_seconds: float = 4.0
    traffic_rate: float = 12.0


@dataclass
class Loop:
    """One run of the demo on a stage. `run` may raise NotInOrder; whatever happens, the caller closes the stage."""

    play: Plan
    stage: Stage
    out: Output
    chaos: Chaos = field(default_factory=Chaos)
    journal: Journal = field(default_factory=Journal)
    story: account.Story = field(default_factory=account.Story)
    verdict: Verdict = field(default_factory=Verdict)
    crew: cast.Cast | None = None
    floor: Floor | None = None
    cases: list[plan.Case] = field(default_factory=list)

    def run(self) -> bool:
        """Everything, step by step; returns whether every document is accounted for and the accounts balance."""
        admins = cast.new_admins()
        self._build(admins)
        with self._console(admins[0], "CONSOLE-01") as console:
            self._normal_day(console)
            paper = self._blind_start()
            self._outage(console, admins, paper)
            self._work(console)
            self._recovery(console, admins)
            self._decide(console)
            self._reconcile(console)
        self._prove()
        account.tell(self.out, self.story, self.journal, self.verdict)
        return bool(account.document(self.story, self.journal, self.verdict)["balanced"])

    # -- before the outage -----------------------------------------------------------------------------------------

    def _build(self, admins: tuple[cast.Login, cast.Login]) -> None:
        with self.step("参考 HIS 建库 · the centre", "centre"), self.out.progress("rows") as ticker:
            self.stage.start_centre()
            done = 0

            def tick(table: str, rows: int) -> None:
                nonlocal done
                done += rows
                ticker.advance(done, None, table)

            patients = self.stage.fill_centre(self.play.scale, self.play.seed, tick)
        self.out.say(f"  {patients} patients in a real PostgreSQL on 127.0.0.1:{self.stage.centre.port}")
        with self.step("应急实例 · the standby", "standby"):
            self.stage.make_instance(admins, SETTINGS)
            self.stage.up()
        self.out.say(f"  windows at {self.stage.safe_address} (on this machine also {self.stage.address})")

    def _normal_day(self, console: YjClient) -> None:
        with self.step("镜像 · mirror", "mirror"):
            self._mirror(console)
        with self.step("中心的普通业务 · an ordinary day at the centre", "traffic"):
            self._traffic(self.play.traffic_seconds, seed=1)
        with self.step("再次镜像 · mirror again", "mirror"):
            self._mirror(console)
        self.story.mirrored = {one["dataset"]: one["rows"] for one in console.mirror()["datasets"]}
        self.out.say(f"  {sum(self.story.mirrored.values())} rows in {len(self.story.mirrored)} datasets")

    def _mirror(self, console: YjClient) -> None:
        with self.out.progress("seconds of the job") as ticker:
            job = self._await_job(console, console.run_mirror({}), ticker)
        state = (job["result"] or {}).get("state")
        if state != "published":
            raise NotInOrder(f"the mirror was not published: {state} {job['error'] or job['result']}")

    def _traffic(self, seconds: float, seed: int) -> None:
        done = 0
        with self.out.progress("acts at the centre") as ticker:

            def tick(act: str) -> None:
                nonlocal done
                done += 1
                ticker.advance(done, None, act)

            counts = centre.play(self.stage.centre.url, seconds, self.play.traffic_rate, seed, tick)
        for act, count in counts.items():
            self.story.traffic[act] = self.story.traffic.get(act, 0) + count

    def _blind_start(self) -> dict[str, str]:
        """The centre goes on for a moment that no mirror will see, and then its database stops, for real."""
        with self.step("断点窗口，中心数据库停机 · blind window, the centre's database stops", "outage"):
            self._traffic(self.play.traffic_seconds / 2, seed=2)
            paper = centre.paper_in_printers(self.stage.centre.url)
            self.stage.stop_centre()
        return paper

    # -- the outage ------------------------------------------------------------------------------------------------

    def _outage(self, console: YjClient, admins: tuple[cast.Login, cast.Login], paper: dict[str, str]) -> None:
        with self.step("切换到应急 · switch to YJ", "switch"):
            state = console.switch_on("database", "中心数据库停机，HIS 无法登录")
            self.story.incident_no = int(state["incident_no"])
            with self._console(admins[1], "CONSOLE-02") as second:
                second.confirm_incident(self.story.incident_no)
        with self.step("窗口开班 · windows log in, open shifts, check receipt numbers", "open"):
            known = cast.read_logins(self.stage.logins)
            shelf, doctors = read_shelf(console, {one.code for one in known}, self.play.visits + NEED)
            self.crew = cast.choose(admins, known, doctors)
            self.floor = Floor(self.stage.safe_address, self.crew, shelf, self.journal, paper, self.stage.ca)
            self.floor.open()
        self.out.say(f"  incident {self.story.incident_no}, {len(self.floor.clients)} windows")

    def _work(self, console: YjClient) -> None:
        floor = self._floor()
        cases: list[tuple[str, plan.Case]] = [
            ("cashier" if case.wants("walk_in") else "registrar", case)
            for case in plan.draw(self.play.visits, self.play.seed)
        ]
        cases += open_cases(console, first_number=len(cases), seed=self.play.seed)
        with self.step("应急业务 · work at the windows", "work"), self.out.progress("visits") as ticker:

            def tick(done: int, total: int) -> None:
                self.chaos.at("work", done / total, self._strike)
                ticker.advance(done, total, f"{len(self.journal.documents)} documents")

            floor.work(cases, tick)
        self.cases = [case for _, case in cases]
        with self.step("交班 · shifts closed", "shifts"):
            floor.close_shifts()
        self.out.say(f"  {len(self.journal.documents)} documents, {self.journal.total()} 元")

    def _strike(self, target: str) -> bool:
        struck = self.stage.strike(target)
        if struck:
            self.story.kills.append(f"{target} (kill -9)")
        return struck

    # -- the way back ----------------------------------------------------------------------------------------------

    def _recovery(self, console: YjClient, admins: tuple[cast.Login, cast.Login]) -> None:
        floor, number = self._floor(), self._number()
        with self.step("中心恢复，并已自行办理了一些业务 · the centre is back and did things meanwhile", "restart"):
            self.stage.start_centre()
            self.story.meddling = centre.meddle(self.stage.centre.url, **self._targets()).done
        with self.step("两人切回 · two people switch back", "switch"):
            console.switch_back(admins[1].person, upload=True)
            floor.acknowledge()
        with self.step("上传 · upload", "upload"), self.out.progress("documents") as ticker:
            self._await_upload(console, number, ticker, asked=True)
        with self.step("窗口放行 · windows released to the HIS", "release"):
            self._await_normal(console)
            floor.leave()

    def _targets(self) -> dict[str, Any]:
        """What the centre will have done too: two of its prescriptions charged here, a receipt, two new patients."""
        theirs = [
            str(one["central_key"])
            for case in self.cases
            if case.charges and "open_paper" in case.wishes
            for one in case.prescriptions
        ]
        plain = [case for case in self.cases if case.charges and case.wishes <= PLAIN and case.charges[0]["receipt_no"]]
        made = [case.patient for case in self.cases if case.wants("new_patient") and "id_no" in case.patient]
        stranger = next(case.patient for case in self.cases if case.patient.get("origin") == "centre")
        receipts = [(case.charges[0]["receipt_no"], stranger["patient_no"]) for case in plain[:1]]
        return {"paid_here": theirs[:2], "receipts_used": receipts, "persons": made[:2]}

    def _await_upload(self, console: YjClient, number: int, ticker: Ticker, *, asked: bool) -> dict[str, Any]:
        """Until nothing that can go by itself is left. A run that died is asked for again, as IT on duty would."""
        deadline, moved = time.monotonic() + JOB_SECONDS, (time.monotonic(), -1)
        if not asked:
            console.upload(number)
        before = (console.upload_state(number)["run"] or {}).get("id") if not asked else None
        while time.monotonic() < deadline:
            state = console.upload_state(number)
            done, total, run = state["confirmed"] + state["settled"], state["documents"], state["run"]
            ticker.advance(done, total, self._where(state))
            self.chaos.at("upload", done / max(total, 1), self._strike)
            if run and run["id"] != before and run["state"] != "running":
                if run["state"] in ("refused", "broken"):
                    raise NotInOrder(f"upload {run['state']}: {run['report']}")
                if state["clean"] == 0:
                    return state
                before = run["id"]
                console.upload(number)
            if done != moved[1]:
                moved = (time.monotonic(), done)
            elif time.monotonic() - moved[0] > STALL_SECONDS:
                moved = (time.monotonic(), done)
                console.upload(number)
            time.sleep(0.2)
        raise NotInOrder(
            f"the upload of incident {number} did not end in {JOB_SECONDS:.0f} s", *self.stage.last_words()
        )

    @staticmethod
    def _where(state: dict[str, Any]) -> str:
        parked = state["states"].get("conflict", 0)
        step = (state["run"] or {}).get("step") or "waiting"
        return f"{step}, {parked} with a person" if parked else str(step)

    def _await_normal(self, console: YjClient) -> None:
        deadline = time.monotonic() + 60
        while console.mode()["mode"] != "normal":
            if time.monotonic() > deadline:
                raise NotInOrder("the windows were not released although the clean documents are at the centre")
            time.sleep(0.1)

    # -- accounts --------------------------------------------------------------------------------------------------

    def _decide(self, console: YjClient) -> None:
        number, boss = self._number(), self._crew().supervisors[0]
        office = decide.Office(console, boss)
        with self.step("人工处理冲突 · persons decide about conflicts", "conflicts"):
            for _ in range(ROUNDS):
                waiting = [one for one in console.conflicts(number) if one["decision"] is None]
                if not waiting and not console.upload_state(number)["left"]:
                    return
                for one in waiting:
                    taken = office.decide(one)
                    what = f"{one['title']} {one['yj_no'] or one['subject']}"
                    self.story.decided.append(account.Decided(one["kind"], what, taken, f"{OFFICER} + {boss.code}"))
                    self.out.say(f"  {what} → {taken}")
                with self.out.progress("documents") as ticker:
                    self._await_upload(console, number, ticker, asked=False)
        raise NotInOrder(f"conflicts are left after {ROUNDS} rounds of decisions")

    def _reconcile(self, console: YjClient) -> None:
        number, boss = self._number(), self._crew().supervisors[0]
        with self.step("对账 · reconcile", "reconcile"), self._console(boss, "FINANCE-01") as finance:
            with self.out.progress("seconds of the job") as ticker:
                job = self._await_job(console, console.reconcile(number), ticker)
            if job["state"] != "done":
                raise NotInOrder(f"the reconciliation failed: {job['error']}")
            for one in console.reconciliation(number)["differences"]:
                if not one.get("explained_by"):
                    finance.explain(number, one["id"], self._explanation(one))
            self.story.account = console.reconciliation(number)
            self.story.explained = self.story.account["differences"]
            if self.story.account["balanced"]:
                console.sign(number, "it")
                finance.sign(number, "finance")
            self.story.incident = console.incident(number)
        self.out.say(f"  incident {number} is {self.story.incident['state']}")

    def _explanation(self, difference: dict[str, Any]) -> str:
        if difference["kind"].startswith("receipt"):
            return "装打印机时损坏两张，已在废票登记簿登记"
        return "已逐笔核对：人工处理冲突时的决定，见待处理记录"

    def _prove(self) -> None:
        with self.step("独立核对 · independent check", "check"):
            from clients.console.context import Instance

            found = Instance(self.stage.home)
            rows = outbox_rows(found.settings.database.url, found.clock)
            self.verdict = check(self.journal, rows, self.stage.centre.url)

    # -- small things ----------------------------------------------------------------------------------------------

    @contextmanager
    def step(self, title: str, name: str) -> Iterator[None]:
        """Say what begins, and note how long it took, under `name` in the summary."""
        self.out.say(f"▶ {title}")
        begun = time.monotonic()
        yield
        took = time.monotonic() - begun
        self.story.steps.append((title, took))
        self.story.seconds[name] = self.story.seconds.get(name, 0.0) + took

    @contextmanager
    def _console(self, who: cast.Login, station: str) -> Iterator[YjClient]:
        with YjClient(self.stage.safe_address, station, patience=90, ca=self.stage.ca) as client:
            client.log_in(who.person)
            yield client

    def _await_job(self, console: YjClient, job: dict[str, Any], ticker: Ticker) -> dict[str, Any]:
        begun = time.monotonic()
        while (took := time.monotonic() - begun) < JOB_SECONDS:
            found = console.job(job["id"])
            if found["state"] in ("done", "failed"):
                return found
            ticker.advance(int(took), None, found["state"])
            time.sleep(0.2)
        raise NotInOrder(
            f"job {job['id']} ({job['kind']}) did not end in {JOB_SECONDS:.0f} s", *self.stage.last_words()
        )

    def _number(self) -> int:
        if self.story.incident_no is None:
            raise NotInOrder("there is no incident")
        return self.story.incident_no

    def _floor(self) -> Floor:
        if self.floor is None:
            raise NotInOrder("the windows are not open")
        return self.floor

    def _crew(self) -> cast.Cast:
        if self.crew is None:
            raise NotInOrder("nobody is there")
        return self.crew
