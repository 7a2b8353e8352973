"""The client of a window: one act, one key, whatever happens on the way."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest

from clients import sdk, transport
from clients.sdk import NoAnswer, Person, Problem, YjClient
from tests.clients.fake_standby import FakeStandby, problem, refused_connection, slow


def client(standby: FakeStandby, **options: float) -> YjClient:
    return YjClient("http://standby.test", "CASHIER-01", transport=standby, **options)


def test_an_act_is_sent_again_with_the_same_key_until_it_is_answered() -> None:
    standby = FakeStandby([refused_connection, slow, problem(503, "busy")])
    answer = client(standby).charge({"payments": []})
    assert len(set(standby.keys)) == 1 and len(standby.keys) == 4
    assert answer["id"] == standby.keys[0]


def test_a_lost_answer_does_not_make_a_second_document() -> None:
    standby = FakeStandby(lose_answers=1)
    assert client(standby).charge({})["number"] == 1
    assert len(standby.done) == 1


def test_two_acts_have_two_keys_and_a_key_of_ones_own_is_used() -> None:
    standby = FakeStandby()
    window = client(standby)
    window.charge({})
    window.charge({})
    window.charge({}, key="01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert len(set(standby.keys)) == 3 and standby.keys[-1] == "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def test_a_refusal_is_not_repeated_and_says_what_the_standby_said() -> None:
    standby = FakeStandby([problem(409, "already_paid")])
    with pytest.raises(Problem) as refused:
        client(standby).charge({})
    found = refused.value
    assert (found.status, found.code, found.detail, found.hint) == (409, "already_paid", "不行", "for IT")
    assert found.params == {"number": "7"} and len(standby.keys) == 1


def test_patience_ends_and_the_key_is_handed_back_for_later() -> None:
    standby = FakeStandby([refused_connection] * 1000)
    with pytest.raises(NoAnswer) as gone:
        client(standby, patience=0.2).charge({})
    assert gone.value.key == standby.keys[0]
    assert 2 <= len(standby.keys) < 20


def test_a_busy_standby_is_named_when_patience_ends() -> None:
    standby = FakeStandby([problem(503, "busy")] * 1000)
    with pytest.raises(Problem, match="busy"):
        client(standby, patience=0.2).charge({})


def test_something_that_is_no_standby_is_said_so() -> None:
    standby = FakeStandby([lambda _: httpx.Response(200, text="<html>a printer</html>")])
    with pytest.raises(Problem, match="standby"):
        client(standby).mode()


def test_a_log_in_carries_no_key_and_later_acts_carry_the_token_and_the_epoch() -> None:
    who = {"token": "t0ken", "expires_at": "-", "operator": {"code": "1", "name": "王", "roles": ["cashier"]}}
    standby = FakeStandby([lambda _: httpx.Response(201, json=who)])
    window = client(standby)
    window.log_in(Person("1", "secret word 1"))
    window.epoch = 7
    window.charge({})
    assert standby.keys[0] == ""
    assert standby.headers[1]["Authorization"] == "Bearer t0ken" and standby.headers[1]["YJ-Epoch"] == "7"


def test_secrets_do_not_show_in_messages() -> None:
    assert "secret" not in repr(Person("1", "secret word 1"))
    assert "t0ken" not in repr(sdk.LoggedIn("t0ken", "-", "1", "王", ()))


def test_waiting_grows_and_stays_bounded() -> None:
    waits = [transport.retry_wait(attempt, lambda: 1.0) for attempt in range(1, 12)]
    assert waits == sorted(waits) and waits[0] == transport.FIRST_WAIT and waits[-1] == transport.LONGEST_WAIT
    assert transport.retry_wait(3, lambda: 0.0) == pytest.approx(transport.retry_wait(3, lambda: 1.0) / 2)


def test_the_client_is_small_enough_for_a_window_pc() -> None:
    loaded = "import sys, clients.sdk; print([m for m in ('flask', 'sqlalchemy', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
