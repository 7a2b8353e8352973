"""The desk and the centre of the way back."""

from tests.fixtures_return import centre, desk, tables  # noqa: F401
