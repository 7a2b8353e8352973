"""What stands behind the pictures of the manuals: a standby that has lived for a day, windows that answer, a centre
that is away or back. Only for pictures; tests make what they look at themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from config.sections import Detection, Server
from config.settings import Settings
from fallback_server.acts import incident_due, trial
from fallback_server.domain import backups
from fallback_server.domain.clock import to_text
from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.domain.stations import Entry, Printer
from fallback_server.door import certificates
from fallback_server.store import alarm_channels, alarms, backup_rows, centre_look, drills, mirror, people, stations
from fallback_server.store.database import open_mirror_engine
from fallback_server.store.mode import incident
from fallback_server.store.mode_switch import set_scope
from fallback_server.store.session import Actor
from fallback_server.web import authority
from tests.fixtures_hospital import ADMIN, CAST, Hospital
from tests.pages.busy_day import BusyDay, busy_day, practised
from tests.pages.centre_cast import Watched
from tests.pages.console_cast import worked
from tests.windows.money_cast import charge, items

RUNS = 288  # a day, every five minutes
LAST = 7 + RUNS


def lived(hospital: Hospital) -> None:
    """A day of mirror runs up to five minutes ago, two administrators of our own, a centre that answers."""
    hospital.mirror(CAST, generation=LAST, as_of=to_text(hospital.clock.now() - timedelta(minutes=5)))
    engine = open_mirror_engine(hospital.url)
    with engine.connect() as raw:
        connection = raw.execution_options(yj_write=True)
        with connection.begin():
            for number in range(8, LAST + 1):
                at = hospital.clock.now() - timedelta(minutes=5 * (LAST - number + 1))
                connection.execute(mirror.run.insert().values(_run(number, at)))
                if number != LAST:
                    values = {"generation": number, "run_id": number, "published_at": to_text(at), "as_of": to_text(at)}
                    connection.execute(mirror.generation.insert().values(values))
    engine.dispose()
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        for code, name in (("9001", "卫信息"), ("9002", "蒋信息")):
            row = {"operator_code": code, "name": name, "roles": ["admin"], "created_at": tx.at}
            known = people.operator.select().where(people.operator.c.operator_code == code)
            if tx.conn.execute(known).first() is None:
                tx.conn.execute(people.operator.insert().values(row))
    centre_look.note(hospital.store, 0.024, 0.4, "15.4")


WINDOWS = (
    Entry("W0201", "一楼收费 1 号", "cashier", None, None, (
        Printer("receipt", "LQ-630K", "", 1.5, -2.0), Printer("*", "HP-LaserJet-1020", "Tray1"),
    )),
    Entry("W0301", "内科一诊室", "doctor", "NK", None, (Printer("*", "HP-LaserJet-1020"),)),
    Entry("W0401", "西药房 2 号", "pharmacist", None, "XYF", (
        Printer("prescription", "HP-LaserJet-M403", "Tray2", copies=2),
    )),
    Entry("W0299", "急诊收费", "cashier"),
)  # fmt: skip


def windows_known(hospital: Hospital) -> None:
    """The workstation table, a printer that was tested and one that failed."""
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        for entry in WINDOWS:
            stations.keep(tx.conn, entry)
        stations.keep_test(tx.conn, "W0201", "receipt", tx.at, True, "9001")
        stations.keep_test(tx.conn, "W0301", "*", tx.at, False, "lp: exit code 1")


def _run(number: int, at: Any) -> dict[str, Any]:
    """A run of open work, every sixth of masters too."""
    names = [name for name, one in DATASETS.items() if one.group == "open" or number % 6 == LAST % 6]
    rows = {name: len(CAST.get(name, [])) for name in names}
    counts = {
        name: {"read": n, "rejected": 0, "inserted": 0, "updated": int(number % 3 == 0), "retired": 0}
        for name, n in rows.items()
    }
    return {
        "run_id": number, "trigger": "schedule", "requested_by": "system", "datasets": names, "state": "published",
        "started_at": to_text(at), "finished_at": to_text(at + timedelta(seconds=2)), "as_of": to_text(at),
        "clock_offset_seconds": 0, "counts": counts, "problems": [], "seconds": {"total": 1.8},
    }  # fmt: skip


def reasoned(hospital: Hospital) -> None:
    """The words of a person on the incident, where the tests' own are too short for a manual."""
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(incident).values(reason="存储阵列掉线，HIS 登录不上"))


def in_an_outage(hospital: Hospital) -> BusyDay:
    """A morning's work; the centre is away, and one window has not heard of it."""
    lived(hospital)
    windows_known(hospital)
    for who in ("cashier", "registrar", "doctor", "pharmacist", "triage"):
        hospital.window(who)
    _beats(hospital)
    centre_look.note(hospital.store, None, None, "Unreachable")
    hospital.clock.advance(60)
    day = busy_day(hospital)
    reasoned(hospital)
    hospital.clock.advance(3)
    _beats(hospital, late="triage")
    hospital.clock.advance(600)
    for _ in range(6):
        assert charge(hospital.window("cashier"), items(("F001", 1))).status == 201
        hospital.clock.advance(45)
    centre_look.note(hospital.store, None, None, "Unreachable")
    _beats(hospital, late="triage")
    return day


def _beats(hospital: Hospital, late: str | None = None) -> None:
    """Every window says that it lives; `late` still believes what was before."""
    with hospital.store.reading() as tx:
        epoch = tx.mode.epoch
    for who, role in (("cashier", "cashier"), ("registrar", "registrar"), ("doctor", "doctor"),
                      ("pharmacist", "pharmacist"), ("triage", "triage")):  # fmt: skip
        window = hospital.window(who)
        body = {
            "workstation": f"W{window.operator}", "role": role, "epoch": epoch - 1 if who == late else epoch,
            "clock": to_text(hospital.clock.now()), "version": hospital.app.extensions["yj_site"].version,
        }  # fmt: skip
        answer = window.post("/workstations/heartbeat", body)
        assert answer.status < 300, answer.json
    _agent_beats(hospital, epoch)


def _agent_beats(hospital: Hospital, epoch: int) -> None:
    """The agent of one window, enrolled, which reaches the centre."""
    code = hospital.window("admin").post("/workstations/code", {"workstation": "W0201"}).json["code"]
    with hospital.app.test_client() as client:
        token = client.post("/api/v1/workstations/enrol", json={"code": code}).get_json()["token"]
        body = {"workstation": "W0201", "epoch": epoch, "role": "cashier", "version": "1.0.0", "central_ok": True}
        client.post("/api/v1/workstations/heartbeat", json=body, headers={"Authorization": f"Bearer {token}"})


def in_part(hospital: Hospital) -> BusyDay:
    """Only some departments are in YJ any more; the others are back on the HIS."""
    day = in_an_outage(hospital)
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        set_scope(tx, ["NK", "EK"], "其余科室已恢复")
    _beats(hospital)
    return day


def before_an_outage(hospital: Hospital) -> BusyDay:
    """All is well."""
    lived(hospital)
    windows_known(hospital)
    _beats(hospital)
    return BusyDay(0, "", "", "", "", "", "")


def backed_up(hospital: Hospital) -> BusyDay:
    """A week of nights, each opened again; a rehearsal; then every quarter of an hour, once in one place only."""
    _nights(hospital)
    day = in_an_outage(hospital)
    for quarter in range(3):
        hospital.clock.advance(900)
        _backup(hospital, backup_rows.BACKUP, hospital.clock.now(), 2_410_000 + 90_000 * quarter, second=quarter != 1)
    return day


def _nights(hospital: Hospital) -> None:
    now = hospital.clock.now()
    nights = [now - timedelta(days=back, hours=7) for back in range(6, -1, -1)]
    for at in nights:
        _backup(hospital, backup_rows.BACKUP, at, 2_360_000)
        _backup(hospital, backup_rows.VERIFY, at + timedelta(seconds=4), 2_360_000, made=at)
    rehearsed = {"note": "密钥取自保险柜（孙科长），副本取自第二位置", "place": "/mnt/nas/his-yj"}
    _backup(
        hospital,
        backup_rows.REHEARSAL,
        nights[3] + timedelta(hours=9),
        2_360_000,
        made=nights[3],
        by="0801",
        **rehearsed,
    )


def _backup(
    hospital: Hospital, kind: str, at: datetime, size: int, *, made: datetime | None = None, by: str = "system",
    second: bool = True, **detail: Any,
) -> None:  # fmt: skip
    name = backups.file_name(made or at, f"{int((made or at).timestamp()):08x}")
    told = {"seconds": 0.6, "second": second, **detail} if made is None else {"seconds": 1.4, **detail}
    row = {"kind": kind, "ok": True, "name": name, "bytes": size, "requested_by": by, "detail": told}
    if kind == backup_rows.BACKUP and not second:
        row["code"] = "backup_second_failed"
    times = {"started_at": to_text(at), "finished_at": to_text(at)}
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(backup_rows.backup_run.insert().values(**row, **times))


def believed(hospital: Hospital) -> None:
    """A certificate of the standby's own, where its application looks for one."""
    folder = Path(hospital.app.extensions[authority.PLACE]).parent
    names = certificates.own_names(Server().host, Server().names)
    certificates.ensure(folder, names, hospital.clock.now(), "测试医院")


def ready(hospital: Hospital) -> BusyDay:
    """All is well: windows believe the front door, backups were made, and a test document was taken."""
    day = before_an_outage(hospital)
    believed(hospital)
    _nights(hospital)
    trial.run(hospital.store, Policy())
    return day


def alarmed(hospital: Hospital) -> BusyDay:
    """One alarm that nobody saw, one that somebody is at, one that is over; a channel that is down."""
    store, day = hospital.store, before_an_outage(hospital)
    system = Actor("system", "system")
    alarms.sound(store, "mirror.open", "held", "在办业务的镜像被扣住。", "A run of the open work is held.")
    alarms.silence(store, "mirror.open")
    alarms.sound(store, "backup", "failed", "备份失败。", "A backup failed.")
    with store.writing(Permit.HOUSEKEEPING, Actor("0801", "卫信息", frozenset({"admin"}))) as tx:
        alarms.acknowledge(tx, alarms.on(tx.conn)[0]["id"], "正在换盘，10:00 前完成")
    alarms.sound(store, "centre", "lost", "中心连不上或不正常。", "The centre cannot be reached or is not sound.")
    with store.writing(Permit.HOUSEKEEPING, system) as tx:
        ways = [("wecom", "https://qyapi.weixin.qq.com"), ("mail", "mail.hospital.cn:587 → xxk@hospital.cn")]
        alarm_channels.meet(tx, ways)
        alarm_channels.delivered(tx, "wecom", [])
        for _ in range(3):
            alarm_channels.refused(tx, "mail", [], "TimeoutError")
    return day


def on_the_way_back(hospital: Hospital) -> BusyDay:
    """Sent back to a centre that leaves two charges to a person, and accounted for."""
    lived(hospital)
    outage = worked(hospital, refuse=True)
    reasoned(hospital)
    outage.upload()
    outage.reconcile()
    centre_look.note(hospital.store, 0.031, 0.4, "15.4")
    return BusyDay(outage.number, "", "", "", outage.charges[0]["id"], "", "")


def signed(hospital: Hospital) -> BusyDay:
    """An account that balances."""
    lived(hospital)
    outage = worked(hospital)
    reasoned(hospital)
    outage.upload()
    outage.reconcile()
    centre_look.note(hospital.store, 0.031, 0.4, "15.4")
    return BusyDay(outage.number, "", "", "", outage.charges[0]["id"], "", "")


def after_a_drill(hospital: Hospital) -> BusyDay:
    """A drill that is over, and a self-test that was passed."""
    lived(hospital)
    number = practised(hospital)
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        steps = [{"step": "restore", "seconds": 1.4}, {"step": "checks", "seconds": 12.2}]
        source = "yj-20261122T173000Z-0c1d2e3f.yjb"
        drills.end_self_test(tx, drills.begin_self_test(tx), ok=True, source=source, steps=steps, problem=None)
        report = {
            "ok": True, "documents": 2, "states": {"confirmed": 2}, "upload_seconds": 3, "balanced": True,
            "told": "", "told_en": "", "differences": 0,
        }  # fmt: skip
        target = "postgresql+psycopg2://yj:***@10.0.8.15/his_copy"
        drills.note_rehearsal(tx, int(number), tx.at, target, True, None, report)
    return BusyDay(1, "", "", "", "", "", "", number)


def windows_cut_off(hospital: Hospital) -> BusyDay:
    """The network between most windows and the centre is broken; the standby reaches it."""
    lived(hospital)
    detection = Detection(switch_by_itself=True)
    watched = Watched(hospital, Settings.model_validate({"home": Path("/nowhere"), "detection": detection}))
    watched.lived()
    watched.looks(3, yes=40)
    watched.looks(21, yes=2, no=38)
    return BusyDay(0, "", "", "", "", "", "")


def recorded(hospital: Hospital) -> BusyDay:
    """An outage that is signed for, with what people kept of it: calls, a note put right, cause and measures."""
    lived(hospital)
    for who in ("cashier", "cashier2", "registrar"):
        hospital.window(who)
    alarms.sound(hospital.store, alarms.CENTRE, "lost", "连不上中心 HIS。", "The centre cannot be reached.")
    outage = worked(hospital, before_the_return=_kept)
    reasoned(hospital)
    alarms.silence(hospital.store, alarms.CENTRE)
    outage.upload()
    outage.reconcile()
    for who, signed_as in (("admin", "it"), ("supervisor", "finance")):
        answer = hospital.window(who).post(f"/incidents/{outage.number}/sign", {"as": signed_as})
        assert answer.status == 200, answer.json
    hospital.clock.advance(60)
    incident_due.look(hospital.store, Policy())
    hospital.clock.advance(3 * 3600)
    admin = hospital.window("admin")
    cause = {
        "cause_analysis": "存储控制器固件缺陷，主备切换失败。", "lessons": "切换前 12 分钟才有人核实；值班电话表过期。",
    }  # fmt: skip
    said = [admin.post(f"/incidents/{outage.number}/analysis", cause)]
    for text, who, due in (("升级控制器固件", "何工", "2026-11-30"), ("更新值班电话表", "褚总值班", "2026-11-25")):
        body = {"text": text, "responsible": who, "due_on": due}
        said.append(admin.post(f"/incidents/{outage.number}/measures", body))
    said.append(admin.post(f"/incidents/{outage.number}/report"))
    assert all(one.status == 201 for one in said), [one.json for one in said]
    centre_look.note(hospital.store, 0.031, 0.4, "15.4")
    return BusyDay(outage.number, "", "", "", outage.charges[0]["id"], "", "")


def _kept(hospital: Hospital) -> None:
    """Calls and notes while the windows worked for three quarters of an hour."""
    _beats(hospital, late="triage")
    duty = hospital.window("duty")
    said = [duty.post("/mode/notice", {"text": "HIS 故障抢修中，预计 09:30 恢复；挂号收费照常办理"})]
    for minutes, body in (
        (4, {"kind": "heard", "whom": "DBA 何工", "means": "phone", "text": "存储掉线，正在切备用控制器"}),
        (6, {"kind": "told", "timer": "总值班", "whom": "褚总值班", "means": "phone", "text": "HIS 停机，全院已转应急",
             "answer": "知道了，去现场"}),
        (18, {"kind": "told", "timer": "分管院领导", "whom": "院领导 周", "means": "message", "text": "预计 10:30 恢复",
              "answer": "注意急诊"}),
        (20, {"kind": "note", "text": "二楼 3 号窗口打印机卡纸，已换纸"}),
    ):  # fmt: skip
        hospital.clock.advance(60 * minutes)
        said.append(duty.post("/incidents/1/notes", body))
    said.append(duty.post("/incidents/1/notes", {"text": "预计 09:30 恢复", "amends": said[3].json["id"]}))
    said.append(hospital.window("admin2").post("/incidents/1/confirm"))
    assert all(one.status in (200, 201) for one in said), [one.json for one in said]


Scene = Callable[[Hospital], BusyDay]
# Pages that have most to show on the way back; all others in the outage.
SCENES: dict[str, Scene] = {
    "/console/readiness": ready,
    "/console/alarms": alarmed,
    "/console/workstations": before_an_outage,
    "/console/detection": windows_cut_off,
    "/console/upload": on_the_way_back,
    "/console/conflicts": on_the_way_back,
    "/console/incidents": on_the_way_back,
    "/console/drills": after_a_drill,
    "/print/drill/{drill}": after_a_drill,
    "/console/documents/{document_id}": on_the_way_back,
    "/console/account": on_the_way_back,
    "/console/backups": backed_up,
    "/print/reconciliation/{incident_no}": signed,
    "/console/record": recorded,
    "/print/incident/{incident_no}": recorded,
}


def scene_of(path: str) -> Scene:
    """What stands behind the picture of a page."""
    return SCENES.get(path, in_an_outage)
