"""The registration slip: what it carries, on paper and as PDF."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_browser import Standby
from tests.fixtures_hospital import CODES, PASSWORD, centre_id

RARE = "𠮷䶮㛃"


def registered(standby: Standby, patient_id: str, **more: Any) -> dict[str, Any]:
    """A visit at internal medicine, on the doctor's session."""
    body = {
        "patient_id": patient_id, "department_code": "NK", "type_code": "ZJ", "schedule_id": "S1",
        "payments": [{"method": "cash", "amount": "30.00", "tendered": "100.00"}], **more,
    }  # fmt: skip
    reply = standby.hospital.window("registrar").post("/registrations", body)
    assert reply.status == 201, reply.json
    visit: dict[str, Any] = reply.json
    return visit


def paper(standby: Standby, path: str) -> bytes:
    """The paper as the registrar's browser gets it."""
    with standby.app.test_client() as client:
        form = {"operator": CODES["registrar"], "password": PASSWORD, "workstation": "W0101", "take_over": "true"}
        assert client.post("/login", data=form).status_code == 303
        answer = client.get(path)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_data()


def test_the_slip_carries_what_the_patient_and_the_doctor_need(standby: Standby) -> None:
    standby.hospital.emergency()
    visit = registered(standby, centre_id("patient", "P1001"))
    text = paper(standby, f"/print/registration/{visit['id']}").decode()
    for words in (
        "测试医院", "挂号单", ">YJ<", "王芳", "女", "41岁", "P1001", "青霉素过敏", "内科门诊", "门诊楼2层", "李建国",
        "专家号", "上午", "YJ 1", "¥30.00", "GH00000101", "限 2026-11-23 当日一次就诊有效", "自费", "赵敏", "W0101",
        "2026-11-23 08:00", visit["slip_no"], 'class="qr"',
    ):  # fmt: skip
        assert words in text, words
    assert "补打" not in text and "演练" not in text


def test_later_copies_say_so_and_a_drill_marks_its_own(standby: Standby) -> None:
    standby.hospital.emergency(drill=True)
    window = standby.hospital.window("registrar")
    visit = registered(standby, centre_id("patient", "P1003"))
    for expected in (1, 2):
        reply = window.post(f"/registrations/{visit['id']}/prints")
        assert (reply.status, reply.json["copy_no"]) == (201, expected)
    text = paper(standby, f"/print/registration/{visit['id']}").decode()
    assert "补打 1" in text and "演练 DRILL" in text and "DRILL" in visit["charge"]["receipt_no"]
    assert "医保" in text


def test_a_cancelled_visit_and_one_of_the_centre_say_what_they_are(standby: Standby) -> None:
    standby.hospital.emergency()
    window = standby.hospital.window("registrar")
    visit = registered(standby, centre_id("patient", "P1001"))
    assert window.post(f"/registrations/{visit['id']}/cancel", {"reason": "改期"}).status == 200
    assert "已退号，作废" in paper(standby, f"/print/registration/{visit['id']}").decode()
    assert window.post(f"/registrations/{centre_id('open_registration', '5001')}/prints").code == "not_yj_document"


def test_rare_characters_and_a_long_name_stay_whole_in_the_pdf(standby: Standby, tmp_path: Path) -> None:
    standby.hospital.emergency()
    window = standby.hospital.window("registrar")
    body = {
        "name": RARE,
        "sex": "M",
        "birth_date": "2026-11-20",
        "allergy": "头孢曲松钠、" * 20,
        "guardian_name": "𠮷田",
    }
    made = window.post("/patients", body).json
    visit = registered(standby, made["id"], weight_kg="3.2", triage_level=3)
    pdf = paper(standby, f"/print/registration/{visit['id']}.pdf")
    assert pdf.startswith(b"%PDF")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    file = tmp_path / "slip.pdf"
    file.write_bytes(pdf)
    text = subprocess.run(["pdftotext", "-layout", str(file), "-"], check=True, capture_output=True, text=True).stdout
    for words in (RARE, "3天", "3.2 kg", "内科门诊", "30.00", "GH00000101", visit["slip_no"], "当日一次就诊有效"):
        assert words in text, (words, text)
    pages = subprocess.run(["pdfinfo", str(file)], check=True, capture_output=True, text=True).stdout
    assert "Pages:           1" in pages


def test_the_slip_speaks_english_too(standby: Standby) -> None:
    standby.hospital.emergency()
    visit = registered(standby, centre_id("patient", "P1006"))
    text = paper(standby, f"/print/registration/{visit['id']}?lang=en").decode()
    assert "Registration slip" in text and "47 y" in text and "Valid on 2026-11-23 for one visit" in text


def test_nobody_without_the_role_sees_a_slip(standby: Standby) -> None:
    standby.hospital.emergency()
    visit = registered(standby, centre_id("patient", "P1001"))
    with standby.app.test_client() as client:
        assert client.get(f"/print/registration/{visit['id']}").status_code == 302
        form = {"operator": CODES["doctor"], "password": PASSWORD, "workstation": "W0301"}
        client.post("/login", data=form)
        assert client.get(f"/print/registration/{visit['id']}").status_code == 403
