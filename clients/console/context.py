"""What a verb works on: the instance in `--home`, opened as late as possible."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from clients.console.output import log_to_standard_error

if TYPE_CHECKING:
    from config.settings import Settings
    from fallback_server.domain.clock import SystemClock
    from fallback_server.domain.policy import Policy
    from fallback_server.store.session import Store
    from sync.central.sql_gateway import SqlGateway


class Misuse(Exception):
    """Wrong usage, or something needed is not configured; each line names value and cure. Exit code 2."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class NotInOrder(Exception):
    """What was asked for could not be had, or what was checked is not in order. Exit code 1."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


@dataclass
class Instance:
    """The instance in `home`. Nothing is read before it is needed."""

    home: Path

    @cached_property
    def settings(self) -> Settings:
        """Raises SettingsError with everything that is wrong."""
        from config.settings import load

        return load(self.home, os.environ)

    @cached_property
    def clock(self) -> SystemClock:
        """The machine's clock in the hospital's zone."""
        from fallback_server.domain.clock import SystemClock

        return SystemClock(self.settings.zone)

    @cached_property
    def policy(self) -> Policy:
        """The hospital's rules, as the windows have them."""
        from fallback_server.app import policy_of

        return policy_of(self.settings)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The store, given back at the end. Raises NotInOrder where it has no tables yet or is of another schema;
        store_damaged and its like."""
        from fallback_server.store.session import Store

        log_to_standard_error()
        store = Store(self.settings.database.url, self.clock, pool_size=4)
        try:
            self._check_version(store)
            yield store
        finally:
            store.close()

    def _check_version(self, store: Store) -> None:
        from sqlalchemy.exc import DBAPIError

        from fallback_server.store.trouble import DISK, trouble_of
        from migrations.upgrade import StoreIsNewer, require_known, version

        try:
            with store.engine.connect() as connection:
                found, wanted = version(connection)
        except DBAPIError as error:
            told = trouble_of(error)
            if told is not None and told.code in DISK and self._store_is_there():
                self.require_mirror()
                raise told from error
            raise NotInOrder(f"the store cannot be opened: {error.orig}", "make it with `yj init`") from error
        try:
            require_known(found)
        except StoreIsNewer as error:
            raise NotInOrder(str(error)) from error
        if found != wanted:
            raise NotInOrder(
                f"the store is at schema {found}, this version needs {wanted}; `yj up` brings it up to date"
            )

    def require_mirror(self) -> None:
        """Raises mirror_damaged where the mirror is the one that is broken: no backup has it, or is needed."""
        from fallback_server.domain.errors import YjError
        from fallback_server.store.database import damaged_mirror

        if (broken := damaged_mirror(self.settings.database.url)) is not None:
            raise YjError("mirror_damaged", path=str(broken))

    def _store_is_there(self) -> bool:
        from fallback_server.store.database import is_sqlite, sqlite_files

        url = self.settings.database.url
        return not is_sqlite(url) or all(file.is_file() for file in sqlite_files(url))

    @contextmanager
    def gateway(self) -> Iterator[SqlGateway]:
        """The centre of this instance. Raises Misuse where none is configured."""
        from clients.console.wiring import open_gateway

        gateway = open_gateway(self.settings, self.clock)
        try:
            yield gateway
        finally:
            gateway.close()


def instance(ctx: typer.Context) -> Instance:
    """The instance the command was called for."""
    found = ctx.find_object(Instance)
    if found is None:  # the callback of main.py sets it
        raise Misuse("--home: no instance was named")
    return found
