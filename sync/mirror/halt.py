"""The stop switch: a person at the standby (`yj mirror stop`), or the DBA at the centre (`stop.sql` of the mapping)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from fallback_server.store import stop_orders
from fallback_server.store.session import Store
from sync.central.gateway import CentralGateway
from sync.mirror.watch import Halted

STOP_FILE: Final = "stop"  # stop.sql, optional: any row stops the mirror; its first column says why
ASK_SECONDS: Final = 5.0  # between two questions to the centre while a run reads
KIND: Final = "stopped"


class StopSwitch:
    """Both switches, for one run. Calling it raises Halted while one of them is on."""

    def __init__(self, store: Store, gateway: CentralGateway) -> None:
        self._store, self._gateway = store, gateway
        self._asked: float | None = None

    def __call__(self) -> None:
        order = stop_order(self._store)
        if order is not None:
            raise ordered(order)
        now = time.monotonic()
        if self._asked is not None and now - self._asked < ASK_SECONDS:
            return
        self._asked = now
        if self._gateway.has(STOP_FILE):
            for row in self._gateway.ask(STOP_FILE, {}):
                raise at_the_centre(row)


def stop_order(store: Store) -> dict[str, Any] | None:
    """The order of `yj mirror stop` that holds now, or None."""
    with store.reading() as tx:
        return stop_orders.stopped(tx.conn)


def ordered(order: Mapping[str, Any]) -> Halted:
    """The error of a run that `yj mirror stop` forbids."""
    by, since, reason = order["stopped_by"], order["stopped_at"], order["reason"]
    return Halted(
        KIND, f"镜像已由 {by} 于 {since} 停止：{reason}。", f"The mirror was stopped by {by} at {since}: {reason}"
    )


def at_the_centre(row: Mapping[str, Any]) -> Halted:
    """The error of a run that a row of stop.sql forbids."""
    reason = str(next(iter(row.values()), "")).strip() or "-"
    return Halted(KIND, f"中心要求停止镜像：{reason}。", f"The centre asks the mirror to stop: {reason}", local=False)
