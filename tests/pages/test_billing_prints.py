"""Receipt, refund slip and hand-over sheet: what they carry, on paper and as PDF."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import CAST, centre_id
from tests.pages.till import api, charge, done

pytestmark = pytest.mark.browser
LONG = "注射用重组人凝血因子Ⅷ（曲罗凝血素α）冻干制剂附带溶剂及一次性使用无菌输注器械套装"


def text_of(path: Path) -> str:
    """The text of a PDF, as laid out."""
    tool = shutil.which("pdftotext")
    assert tool is not None, "poppler-utils is not installed"
    return subprocess.run([tool, "-layout", path, "-"], capture_output=True, check=True, text=True).stdout


def fetched(desk: Desk, address: str, path: Path) -> str:
    """The PDF at this address, kept at `path`; its text."""
    answer = desk.page.request.get(desk.url + address)
    assert answer.status == 200, answer.text()
    path.write_bytes(answer.body())
    return text_of(path)


def pages_of(path: Path) -> int:
    """How many pages a PDF has."""
    return text_of(path).count("\f")


def flat(text: str) -> str:
    """Without the blanks that layout puts in."""
    return "".join(text.split())


def test_a_receipt_carries_both_numbers_categories_words_and_a_masked_payer(
    standby: Standby, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    standby.hospital.emergency()
    paid = [{"method": "wechat", "amount": "50.00", "reference": "4200000123"}, {"method": "cash", "amount": "40.00"}]
    insured = centre_id("patient", "P1003")
    made = charge(standby, "88.50", ("F003", 1), ("F002", 1), patient=insured, payments=paid)
    done(api(standby).post(f"/charges/{made['id']}/prints"))
    words = flat(fetched(desk("cashier"), f"/print/receipt/{made['id']}.pdf", tmp_path / "receipt.pdf"))
    for needed in (
        "测试医院", "YJ", "凭此换取正式票据", f"票据号{made['receipt_no']}", made["yj_no"], "张伟", "男", "P1003",
        "职工基本医疗保险", "检查费", "治疗费", "胸部DR正位", "静脉输液", "合计¥88.50", "捌拾捌元伍角", "微信50.00",
        "4200000123", "现金38.50", "找零1.50", "个人自费88.50", "医保统筹支付____",
    ):  # fmt: skip
        assert needed in words, needed
    assert words.index("检查费") < words.index("治疗费")  # the national order
    assert "11010119700101003X" not in words and "110***" in words
    assert pages_of(tmp_path / "receipt.pdf") == 1


def test_a_reprint_and_a_drill_say_so(standby: Standby, desk: Callable[..., Desk], tmp_path: Path) -> None:
    standby.hospital.emergency(drill=True)
    made = charge(standby, "25.00", ("F001", 1))
    for _ in range(2):
        done(api(standby).post(f"/charges/{made['id']}/prints"))
    words = flat(fetched(desk("cashier"), f"/print/receipt/{made['id']}.pdf", tmp_path / "receipt.pdf"))
    assert "补打1" in words and "DRILL" in words and "票据号DRILL" in words


def test_a_refund_slip_names_the_original(standby: Standby, desk: Callable[..., Desk], tmp_path: Path) -> None:
    standby.hospital.emergency()
    made = charge(standby, "50.00", ("F001", 2))
    body = {"reason": "少做一次", "lines": [{"line_id": made["lines"][0]["line_id"], "quantity": 1}]}
    back = done(api(standby).post(f"/charges/{made['id']}/refund", body))
    there = desk("cashier")
    words = flat(fetched(there, f"/print/refund/{back['id']}.pdf", tmp_path / "refund.pdf"))
    for needed in ("退费单", f"原票据号{made['receipt_no']}", made["yj_no"], back["yj_no"], "少做一次", "-25.00", "负"):
        assert needed in words, needed
    for wrong in (f"/print/refund/{made['id']}", f"/print/receipt/{back['id']}", "/print/receipt/none"):
        assert there.page.request.get(there.url + wrong).status == 404


def long_day(standby: Standby) -> dict[str, Any]:
    """A patient with rare characters in the name and forty items with long ones."""
    items = [
        {"item_code": f"L{n:03d}", "name": f"{LONG}第{n}种𠮷䶮㛃", "unit": "次", "unit_price": "1.2345",
         "receipt_category": "material" if n % 2 else "treatment", "active": True}
        for n in range(40)
    ]  # fmt: skip
    people = [{**row, "name": "欧阳𠮷䶮㛃"} if row["patient_no"] == "P1001" else row for row in CAST["patient"]]
    standby.hospital.mirror({**CAST, "fee_item": items, "patient": people}, generation=8)
    body = {
        "patient_id": centre_id("patient", "P1001"),
        "lines": [{"item_code": item["item_code"], "quantity": 3} for item in items],
    }
    total = done(api(standby).post("/charges/quote", body))["total"]
    paid = {**body, "payments": [{"method": "cash", "amount": total}], "expected_total": total}
    made: dict[str, Any] = done(api(standby).post("/charges", paid))
    return made


def test_forty_lines_long_names_and_rare_characters_break_nothing(
    standby: Standby, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    standby.hospital.emergency()
    made = long_day(standby)
    there = desk("cashier")
    words = flat(fetched(there, f"/print/receipt/{made['id']}.pdf", tmp_path / "long.pdf"))
    assert "欧阳𠮷䶮㛃" in words
    assert all(f"第{n}种" in words for n in range(40))
    assert 2 <= pages_of(tmp_path / "long.pdf") <= 5
    assert words.count("项目/规格") >= 2  # the head of the table stands on every page
    page = there.page
    page.goto(f"{there.url}/print/receipt/{made['id']}")
    page.set_viewport_size({"width": 504, "height": 700})  # A5 without its margins
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 504


def test_a_hand_over_sheet_accounts_for_every_number(
    standby: Standby, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    standby.hospital.emergency()
    window = api(standby)
    opening = {
        "float": "200.00", "his_cash_kept_apart": "1350.50", "last_his_receipt_no": "A00005020",
        "act_in_hand": "张伟 化验费",
    }  # fmt: skip
    shift = done(window.post("/shifts/open", opening))
    charge(standby, "50.00", ("F001", 2))
    charge(standby, "80.00", ("F002", 1), payments=[{"method": "alipay", "amount": "80.00", "reference": "9"}])
    done(window.post("/receipt-book/void", {"from_no": 5023, "to_no": 5023, "reason": "进水"}))
    done(window.post("/receipt-book/confirm", {"next_no": 5026}))
    done(window.post("/shifts/close", {"counted": [{"method": "cash", "amount": "249.00"}]}))
    done(window.post(f"/shifts/{shift['id']}/prints"))
    there = desk("cashier")
    words = flat(fetched(there, f"/print/shift/{shift['id']}.pdf", tmp_path / "shift.pdf"))
    head = window.get(f"/shifts/{shift['id']}").json["sheet"]["audit"]
    for needed in (
        "缴款交接单", "钱伟0201", "备用金200.00", "1350.50", "A00005020", "张伟化验费", "A00005021", "A00005022",
        "A00005023进水", "A00005024–A00005025(2)", "现金", "支付宝", "现金实点249.00", "现金差额-1.00",
        "现金（应交含备用金200.00）", "合计¥130.00", "检查费80.00",
        "化验费50.00", "交款人", "接收人", head["hash"],
    ):  # fmt: skip
        assert needed in words, needed
    assert pages_of(tmp_path / "shift.pdf") == 1
    other = desk("cashier2")
    assert other.page.request.get(f"{other.url}/print/shift/{shift['id']}").status == 403
