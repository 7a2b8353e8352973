"""What staff read when something is refused: a label for a field's name, a name for a code, and one language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from fallback_server.domain.errors import Named, YjError
from fallback_server.domain.field_words import FIELD_WORDS, words_for
from fallback_server.windows import all_windows
from tests.fixtures_hospital import Hospital
from tests.windows.money_cast import charge, items, wechat

NAME = re.compile(r"[a-z]+_[a-z_]+|\bpayments\b|\blines\b")  # what only a program would say


def models(kind: Any) -> Iterator[type[BaseModel]]:
    """A request's model and all within it."""
    for inner in get_args(kind):
        yield from models(inner)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from models(field.annotation)


def test_every_field_of_every_route_has_a_label_in_both_languages() -> None:
    asked = [kind for api in all_windows() for route in api.routes for kind in (route.body, route.query) if kind]
    names = {
        field.alias or name for kind in asked for model in models(kind) for name, field in model.model_fields.items()
    }
    assert len(names) > 80
    assert sorted(names - set(FIELD_WORDS)) == [], "give them words in fallback_server/domain/field_words.py"


@pytest.mark.parametrize(
    ("path", "zh", "en"),
    [
        ("reason", "原因", "reason"),
        ("payments.1.tendered", "第 2 行的实收", "tendered in line 2"),
        ("lines.0", "第 1 行的明细", "lines in line 1"),
        ("approver.password", "密码", "password"),
        ("nonsense", "提交的内容", "what was sent"),
        ("", "提交的内容", "what was sent"),
    ],
)
def test_a_field_is_called_what_the_window_calls_it(path: str, zh: str, en: str) -> None:
    assert words_for(path) == (zh, en)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_refused_field_is_named_in_words_and_keeps_its_name_for_programs(yj: Hospital, language: str) -> None:
    window = yj.window("cashier")
    body = {"payments": [{"method": "cash", "amount": "1.001"}], "expected_total": "x", "secret_field": 1}
    reply = window.post("/charges", body, headers={"Accept-Language": language})
    assert reply.code == "invalid_request"
    assert reply.json["params"]["field"] in {one["field"] for one in reply.json["errors"]}
    assert not NAME.search(reply.json["detail"]), reply.json["detail"]


def test_what_a_rule_finds_wrong_is_said_in_the_callers_language(yj: Hospital) -> None:
    zh = charge(yj.window("cashier"), items(("F001", 1)), {"method": "wechat", "amount": "25.00"}).json
    assert zh["detail"] == "填写有误：第 1 行的凭证号（请填凭证号）。"
    assert zh["params"]["field"] == "payments.0.reference"
    english = YjError("invalid_request", field="payments.0.reference", problem="请填凭证号 / voucher number")
    assert english.sentence("en") == "Please check voucher number in line 1: voucher number."


def test_a_method_that_is_off_is_called_by_its_name(yj: Hospital) -> None:
    error = YjError("method_off", method=Named("rounding", "抹零", "Rounding"))
    assert error.sentence("zh") == "抹零 已停用，请换一种方式。"
    rounded = ({"method": "rounding", "amount": "0.50"}, wechat("24.50"))
    off = charge(yj.window("cashier"), items(("F001", 1)), *rounded)
    assert off.code == "method_off" and "抹零" in off.json["detail"] and off.json["params"]["method"] == "rounding"


def test_a_charge_without_a_visit_is_told_why_it_is_out_of_scope(hospital: Hospital) -> None:
    hospital.emergency(["EK"])
    window = hospital.window("cashier")
    alone = window.post("/charges/quote", items(("F001", 1)))
    assert alone.code == "out_of_scope" and "没有选就诊" in alone.json["detail"]


def test_a_page_of_before_the_release_is_sent_to_the_his(hospital: Hospital) -> None:
    hospital.emergency()
    window = hospital.window("cashier")
    before = window.get("/mode").json["epoch"]
    hospital.back()
    late = window.post("/charges", {}, headers={"YJ-Epoch": str(before)})
    assert late.code == "epoch_changed" and "请到 HIS" in late.json["detail"]
