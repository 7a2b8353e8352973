"""Both centres of the contract, one fresh one a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.contract.centres import Centre, FakeCentre, PostgresCentre


@pytest.fixture(params=["fake", pytest.param("postgresql", marks=pytest.mark.postgres)])
def centre(request: pytest.FixtureRequest) -> Iterator[Centre]:
    """A centre that keeps the port's promises, whichever it is."""
    made: Centre = (
        FakeCentre() if request.param == "fake" else PostgresCentre(request.getfixturevalue("new_database")())
    )
    yield made
    made.close()


@pytest.fixture
def real(new_database: Callable[[], str]) -> Iterator[PostgresCentre]:
    """The real centre alone, for what only a database can do."""
    made = PostgresCentre(new_database())
    yield made
    made.close()
