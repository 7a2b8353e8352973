"""The heartbeat of a sender at work: its claims live as long as it does, however long the centre takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from fallback_server.domain.errors import YjError
from fallback_server.store.session import Store
from sync.upload.sender import UploadRules, renew_leases

JOIN_SECONDS: Final = 5.0


@contextmanager
def heartbeat(store: Store, owner: str, rules: UploadRules) -> Iterator[None]:
    """Renew the lease from a thread of its own: the document in hand may wait long at the centre."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(rules.heartbeat_seconds):
            with suppress(YjError):  # busy: a lease outlives several beats, the next one renews it
                renew_leases(store, owner, rules.lease_seconds)

    thread = threading.Thread(target=beat, name="upload-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(JOIN_SECONDS)
