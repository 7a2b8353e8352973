"""A standby of a few lines for the client: it remembers answers by key, and can be told to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

Failure = Callable[[httpx.Request], httpx.Response]


@dataclass
class FakeStandby(httpx.BaseTransport):
    """Answers every POST with its own key; `failures` come first, `lose_answers` does the act and drops the reply."""

    failures: list[Failure] = field(default_factory=list)
    done: dict[str, dict[str, object]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    headers: list[httpx.Headers] = field(default_factory=list)
    lose_answers: int = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.headers.append(request.headers)
        self.keys.append(request.headers.get("Idempotency-Key", ""))
        if self.failures:
            return self.failures.pop(0)(request)
        key = self.keys[-1]
        first = key not in self.done
        answer = self.done.setdefault(key, {"id": key, "number": len(self.done) + 1})
        if first and self.lose_answers:
            self.lose_answers -= 1
            raise httpx.ReadError("the line went dead after the act was done")
        return httpx.Response(201, json=answer)


def refused_connection(request: httpx.Request) -> httpx.Response:
    """Nobody listens."""
    raise httpx.ConnectError("connection refused", request=request)


def slow(request: httpx.Request) -> httpx.Response:
    """No answer in time."""
    raise httpx.ReadTimeout("no answer", request=request)


def problem(status: int, code: str) -> Failure:
    """A refusal in the contract's shape."""
    body = {"code": code, "status": status, "detail": "不行", "hint": "for IT", "params": {"number": "7"}}
    return lambda _: httpx.Response(
        status, content=json.dumps(body).encode(), headers={"Content-Type": "application/problem+json"}
    )
