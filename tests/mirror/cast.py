"""The cast of the windows' tests as a centre: the same people in a FakeCentral, to be mirrored anew."""

from __future__ import annotations

from config.sections import Mirror
from fallback_server.domain.datasets import DATASETS
from sync.central.fake import FakeCentral
from sync.mirror.refresh import refresh
from tests.fixtures_hospital import CAST, Hospital
from tests.mirror.hospital import row


def mirrored(hospital: Hospital) -> FakeCentral:
    """The same, mirrored once. The fixture's rows have no real hashes, so that first run may have to be approved."""
    made = centre_of(hospital)
    done = refresh(hospital.store, made, Mirror())
    if done.state == "held":
        done = refresh(hospital.store, made, Mirror(), approve=done.run_id, requested_by="0801", approved_reason="x")
    assert done.published, done.problems
    return made


def centre_of(hospital: Hospital) -> FakeCentral:
    """A centre that holds what `hospital` shows at its windows."""
    made = FakeCentral(clock=hospital.clock)
    made.datasets = {name: [row(name, **given) for given in CAST.get(name, [])] for name in DATASETS}
    return made
