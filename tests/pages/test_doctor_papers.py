"""处方笺 and 申请单: what they carry, on which colour, over how many sheets; on paper and as PDF."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_browser import Standby
from tests.fixtures_hospital import CAST, CODES, PASSWORD, centre_id
from tests.pages.surgery import CHILD, WANG, ZHANG, api, done, prescription, visit

RARE = "欧阳𠮷䶮㛃"
POPPLER = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler is not installed")


@pytest.fixture(autouse=True)
def emergency(standby: Standby) -> None:
    """YJ mode for the whole hospital."""
    standby.hospital.emergency()


def paper(standby: Standby, path: str, who: str = "doctor", *, status: int = 200) -> bytes:
    """The paper as this person's browser gets it."""
    with standby.app.test_client() as client:
        form = {"operator": CODES[who], "password": PASSWORD, "workstation": f"W{CODES[who]}", "take_over": "true"}
        assert client.post("/login", data=form).status_code == 303
        with client.get(path) as answer:
            assert answer.status_code == status, answer.get_data(as_text=True)
            return answer.get_data()


def pdf(standby: Standby, path: str, folder: Path) -> tuple[str, int, Path]:
    """The PDF's text, its number of sheets, and the file."""
    file = folder / "paper.pdf"
    file.write_bytes(paper(standby, f"{path}.pdf"))
    text = subprocess.run(["pdftotext", "-layout", str(file), "-"], check=True, capture_output=True, text=True).stdout
    facts = subprocess.run(["pdfinfo", str(file)], check=True, capture_output=True, text=True).stdout
    found = re.search(r"Pages:\s+(\d+)", facts)
    assert found is not None and re.search(r"Page size:\s+419\.5\d* x 595\.2\d* pts", facts), facts
    return text, int(found[1]), file


def corner(file: Path, folder: Path) -> tuple[int, ...]:
    """The colour of the sheet's very corner."""
    subprocess.run(["pdftoppm", "-r", "20", "-f", "1", "-l", "1", str(file), str(folder / "sheet")], check=True)
    ppm = next(folder.glob("sheet*.ppm")).read_bytes()
    return tuple(ppm[15:18])


def test_the_prescription_carries_its_three_parts(standby: Standby) -> None:
    made = visit(standby)
    lines = [
        {"drug_code": "A001", "quantity": 2, "dose": "0.5", "dose_unit": "g", "usage": "PO", "frequency": "TID",
         "days": 3, "note": "饭后"},
        {"drug_code": "N002", "quantity": 1, "dose": "2.5", "dose_unit": "mg", "usage": "PO", "frequency": "睡前"},
    ]  # fmt: skip
    rx = prescription(standby, made["id"], lines=lines, diagnoses=["J06.900", "I10.x00"])
    text = paper(standby, f"/print/prescription/{rx['id']}").decode()
    for words in (
        "测试医院", "处方笺", ">YJ<", "事件 1", rx["rx_no"], "王芳", "女", "41岁", "P1001", "自费", "内科门诊",
        "2026-11-23 08:30", "西药处方", "急性上呼吸道感染、高血压病", "过敏：青霉素过敏，头孢类", "普通", "精二",
        "Rp.", "阿莫西林胶囊", "0.25g*24粒", "× 2 盒", "0.5g", "口服 每日三次", "共 3 天", "饭后", "睡前", "以下空白",
        "¥ 30.68", "共 2 种", "西药房", "医师 李建国", "审核", "调配", "核对", "发药", "处方当日有效",
        "数据截至 2026-11-23 08:00", 'class="qr"',
    ):  # fmt: skip
        assert words in text, words
    assert "form-ordinary" in text and "补打" not in text and "kg" not in text


def test_copies_are_counted_and_name_who_printed_them(standby: Standby) -> None:
    made = visit(standby)
    rx = prescription(standby, made["id"], "A002")
    path = f"/print/prescription/{rx['id']}"
    done(api(standby, "doctor").post(f"/prescriptions/{rx['id']}/prints"))
    assert "补打" not in paper(standby, path).decode()
    standby.hospital.clock.advance(600)
    done(api(standby, "pharmacist").post(f"/prescriptions/{rx['id']}/prints"))
    text = paper(standby, path, "pharmacist").decode()
    assert "补打 1" in text and "经办 郑药师 0401" in text and "窗口 W0401" in text and "时间 2026-11-23 08:40" in text
    order = done(
        api(standby, "doctor").post(
            "/orders", {"registration_id": made["id"], "lines": [{"item_code": "F001", "quantity": 1}]}
        )
    )
    for label in ("", "补打 1"):
        done(api(standby, "doctor").post(f"/orders/{order['id']}/prints"))
        assert label in paper(standby, f"/print/order/{order['id']}").decode()


@POPPLER
@pytest.mark.parametrize(
    ("form", "word", "patient", "department", "more", "colour"),
    [
        ("emergency", "急诊", CHILD, "JZ", {"visit_kind": "emergency"}, (255, 249, 201)),
        ("paediatric", "儿科", CHILD, "EK", {"weight_kg": "6.2"}, (226, 245, 223)),
        ("ordinary", "普通", ZHANG, "NK", {}, (255, 255, 255)),
    ],
)
def test_the_sheet_has_the_colour_and_the_word_of_its_form(
    standby: Standby, tmp_path: Path, form: str, word: str, patient: str, department: str, more: dict[str, Any],
    colour: tuple[int, int, int],
) -> None:  # fmt: skip
    made = visit(standby, patient, department, **more)
    rx = prescription(standby, made["id"], "A002")
    text, sheets, file = pdf(standby, f"/print/prescription/{rx['id']}", tmp_path)
    assert word in text and sheets == 1
    assert all(abs(got - wanted) <= 2 for got, wanted in zip(corner(file, tmp_path), colour, strict=True))
    assert f"form-{form}" in paper(standby, f"/print/prescription/{rx['id']}").decode()
    if patient == CHILD:
        assert ("6.2" if "weight_kg" in more else "____") in text and "3月12天" in text and "监护人 王芳" in text
    else:
        assert "职工基本医疗保险" in text


@POPPLER
def test_forty_long_lines_run_over_sheets_that_each_name_the_patient(standby: Standby, tmp_path: Path) -> None:
    long = "复方" + "甘草酸苷葡萄糖氯化钠" * 9
    cast = [{**drug, "name": long} if drug["drug_code"] == "A004" else drug for drug in CAST["drug"]]
    standby.hospital.mirror({**CAST, "drug": cast}, generation=8)
    person = {"name": RARE, "sex": "M", "birth_date": "1980-01-02", "allergy": "头孢曲松钠、" * 30}
    made = visit(standby, done(api(standby, "registrar").post("/patients", person))["id"])
    codes = ["A004" if n % 8 == 0 else f"A00{1 + n % 7}" for n in range(40)]
    rx = prescription(standby, made["id"], *codes)
    text, sheets, _ = pdf(standby, f"/print/prescription/{rx['id']}", tmp_path)
    assert 3 <= sheets <= 6
    pages = text.split("\f")[:sheets]
    with_lines = [page for page in pages if "用法：" in page]
    assert all(RARE in page and rx["rx_no"] in page for page in with_lines) and len(with_lines) >= sheets - 1
    assert all(f"{n}." in text for n in range(1, 41)) and re.search(rf"{sheets}\s*/\s*{sheets}", text)
    assert re.sub(r"\s|×2瓶", "", text).count(long) == codes.count("A004") > 0
    assert "共 40 种" in text and "以 下 空 白" in text.replace("以下空白", "以 下 空 白")


@POPPLER
def test_a_herbal_prescription_stands_in_columns_with_its_doses_below(standby: Standby, tmp_path: Path) -> None:
    lines = [
        {"drug_code": "H001", "quantity": 105, "dose": "15", "dose_unit": "g", "usage": "水煎服",
         "frequency": "每日一剂", "days": 7, "note": note}
        for note in ("先煎", None, None, None)
    ]  # fmt: skip
    rx = prescription(standby, visit(standby)["id"], kind="herbal", lines=lines)
    text, sheets, _ = pdf(standby, f"/print/prescription/{rx['id']}", tmp_path)
    assert sheets == 1 and "共 7 剂 水煎服 每日一剂" in text and text.count("黄芪") == 4 and "先煎" in text
    assert len([row for row in text.splitlines() if row.count("黄芪") == 3]) == 1
    lines[0]["days"] = 3
    mixed = prescription(standby, visit(standby, ZHANG)["id"], kind="herbal", lines=lines)
    words = paper(standby, f"/print/prescription/{mixed['id']}").decode()
    assert "共 3 剂" in words and words.count("共 7 剂") == 3


@POPPLER
def test_the_request_says_what_where_and_why(standby: Standby, tmp_path: Path) -> None:
    made = visit(standby, CHILD, "EK", weight_kg="6.2")
    prescription(standby, made["id"], "A002")
    wanted = [{"item_code": code, "quantity": 1} for code in ("F001", "F002")] * 20
    order = done(api(standby, "doctor").post("/orders", {"registration_id": made["id"], "lines": wanted}))
    text, sheets, _ = pdf(standby, f"/print/order/{order['id']}", tmp_path)
    for words in (
        "检查检验治疗申请单", "王芳之子", "3月12天", "6.2", "儿科门诊", "急性上呼吸道感染", "血常规", "检验科",
        "医技楼2层", "本科室", "¥ 2100.00", "共 40 项", "医师 李建国", order["order_no"],
    ):  # fmt: skip
        assert words in text, (words, text)
    assert 2 <= sheets <= 4


def test_a_paper_of_the_centre_is_printed_in_yj_mode_and_not_afterwards(standby: Standby) -> None:
    path = f"/print/prescription/{centre_id('open_prescription', '3002')}"
    assert "欧阳修文" in paper(standby, path).decode()
    standby.hospital.back()
    assert "mode_normal" in paper(standby, path, status=409).decode()


def test_papers_that_do_not_exist_and_people_without_the_right_are_told_so(standby: Standby) -> None:
    paper(standby, "/print/prescription/none", status=404)
    rx = prescription(standby, visit(standby, WANG)["id"], "A002")
    paper(standby, f"/print/prescription/{rx['id']}", "registrar", status=403)
    paper(standby, "/print/order/none", status=404)


def test_the_papers_speak_english_too(standby: Standby) -> None:
    made = visit(standby, CHILD, "EK", weight_kg="6.2")
    rx = prescription(standby, made["id"], "A002")
    text = paper(standby, f"/print/prescription/{rx['id']}?lang=en").decode()
    assert "Prescription" in text and "Paediatric" in text and "3 mo 12 d" in text and "Guardian" in text
