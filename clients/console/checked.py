"""What is given at the command line, checked by the very models of the interface: one validation, not two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from clients.console.context import Misuse

if TYPE_CHECKING:
    from fallback_server.web.routes import Body

Checked = TypeVar("Checked", bound="Body")


def checked(model: type[Checked], given: Mapping[str, Any], named: Mapping[str, str] | None = None) -> Checked:
    """The body that the interface would have got. `named`: field → what it is called here, else `--field`.

    What is None counts as not given, where it may be left out. `named[""]`: what is wrong with all of them together.
    Raises Misuse with a line for everything that is wrong.
    """
    from pydantic import ValidationError

    optional = {name for name, field in model.model_fields.items() if not field.is_required()}
    try:
        return model.model_validate({at: one for at, one in given.items() if one is not None or at not in optional})
    except ValidationError as error:
        called = dict(named or {})
        found = error.errors(include_url=False, include_input=False, include_context=False)
        raise Misuse(
            *(f"{_where(item['loc'], called)}: {item['msg'].removeprefix('Value error, ')}" for item in found)
        ) from error


def _where(place: tuple[int | str, ...], called: Mapping[str, str]) -> str:
    if not place:
        return called.get("", "given")
    field = str(place[0])
    return called.get(field, f"--{field.replace('_', '-')}")
