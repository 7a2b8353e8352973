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

    What is None counts as not given. Raises Misuse with a line for everything that is wrong.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        called = dict(named or {})
        found = error.errors(include_url=False, include_input=False, include_context=False)
        raise Misuse(*(f"{_where(item['loc'], called)}: {item['msg']}" for item in found)) from error


def _where(place: tuple[int | str, ...], called: Mapping[str, str]) -> str:
    if not place:
        return "given"
    field = str(place[0])
    return called.get(field, f"--{field.replace('_', '-')}")
