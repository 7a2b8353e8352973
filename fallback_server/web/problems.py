"""Errors as RFC 9457 problem+json: the one map from our types to HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, json, request
from pydantic import ValidationError

from fallback_server.domain.errors import YjError

MOST_ERRORS = 50  # nobody reads more, and a short wrong list must not become a long answer
# Sentences for what pydantic finds, by its stable error types; anything else gets its own English words.
_PROBLEMS_ZH: Mapping[str, str] = {
    "missing": "必填",
    "extra_forbidden": "不认识的字段",
    "string_type": "应为文字",
    "string_too_short": "不能为空",
    "string_too_long": "太长",
    "string_pattern_mismatch": "格式不对",
    "int_type": "应为整数",
    "int_from_float": "应为整数",
    "int_parsing": "应为整数",
    "bool_type": "应为是或否",
    "bool_parsing": "应为是或否",
    "greater_than": "太小",
    "greater_than_equal": "太小",
    "less_than": "太大",
    "less_than_equal": "太大",
    "literal_error": "不在可选范围内",
    "enum": "不在可选范围内",
    "list_type": "应为列表",
    "too_short": "不能为空",
    "too_long": "太多",
    "value_error": "格式不对",
    "date_from_datetime_parsing": "日期不对",
    "date_parsing": "日期不对",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
}


def language() -> str:
    """The caller's language: Chinese unless English is asked for first."""
    return "en" if request.accept_languages.best_match(["zh-CN", "zh", "en"], "zh") == "en" else "zh"


def problem(error: YjError, extra: Mapping[str, Any] | None = None) -> Response:
    """The response for an error, with its parameters as extension members."""
    body = {
        "type": f"urn:his-yj:error:{error.code}",
        "title": error.sentence(language()),
        "status": error.kind.status,
        "code": error.code,
        "detail": error.sentence(language()),
        "hint": error.hint(),
        "params": {name: str(value) for name, value in error.params.items()},
        **(extra or {}),
    }
    response = Response(
        json.dumps(body, ensure_ascii=False), error.kind.status, content_type="application/problem+json; charset=utf-8"
    )
    if error.code == "too_many_requests":
        response.headers["Retry-After"] = str(error.params.get("seconds", 1))
    if error.code == "login_required":
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def from_validation(error: ValidationError) -> tuple[YjError, dict[str, Any]]:
    """invalid_request naming the first field, all of them under `errors`; no values, for they may be a patient's."""
    found = []
    for item in error.errors(include_url=False, include_input=False, include_context=False)[:MOST_ERRORS]:
        field = ".".join(str(part) for part in item["loc"]) or "body"
        words = item["msg"] if language() == "en" else _PROBLEMS_ZH.get(item["type"], item["msg"])
        found.append({"field": field, "type": item["type"], "problem": words})
    first = found[0]
    return YjError("invalid_request", field=first["field"], problem=first["problem"]), {"errors": found}
