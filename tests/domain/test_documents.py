"""Frozen payloads: canonical, hashed, and in the order of the return."""

from __future__ import annotations

import pytest

from fallback_server.domain.documents import ENTITIES, RANKS, Document, Ref, canonical, payload_hash

OURS, THEIRS = Ref("01M80HZVF603RRKNFNK1W9Z0CP", "yj"), Ref("cabc", "centre", "17")


def document(entity: str = "charge", **parts: object) -> Document:
    return Document(
        yj_id="01M80HZVF629BM3KABP1MCVESZ", entity=entity, yj_no="YJ2611220010001", chain="p", body={}, **parts
    )  # type: ignore[arg-type]


def test_the_same_payload_has_the_same_text_whatever_the_order_of_its_parts() -> None:
    one, two = {"b": "1", "a": {"y": 1, "x": "王"}}, {"a": {"x": "王", "y": 1}, "b": "1"}
    assert canonical(one) == canonical(two) == '{"a":{"x":"王","y":1},"b":"1"}'
    assert payload_hash(canonical(one)) == payload_hash(canonical(two))


def test_a_float_never_gets_into_a_payload() -> None:
    with pytest.raises(ValueError, match="float"):
        canonical({"lines": [{"amount": 1.5}]})


def test_a_document_waits_for_its_own_parents_and_not_for_the_centres_rows() -> None:
    charge = document(refs={"patient": THEIRS, "registration": OURS}, settles={"prescriptions": [OURS, THEIRS]})
    assert charge.parents() == (OURS.id,)


def test_what_settles_the_centres_own_rows_goes_first() -> None:
    assert document(settles={"prescriptions": [THEIRS]}).rank() < RANKS["patient"]
    assert document(settles={"prescriptions": [OURS]}).rank() == RANKS["charge"]


def test_every_entity_has_its_place_in_the_return() -> None:
    assert set(RANKS) == set(ENTITIES)
