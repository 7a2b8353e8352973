"""The sync worker: one process beside the window server, the only one that speaks to the centre by itself.

It mirrors on schedule, does what the console asked for (job rows), lets time act on the mode, and watches the centre.
It survives an unreachable centre and any failure of one job; if it dies, the next one takes its jobs up again.
"""

from sync.worker.centre import Centre, NoCentre
from sync.worker.process import main, run_worker
from sync.worker.work import Handler, Stopping, Worker

__all__ = ["Centre", "Handler", "NoCentre", "Stopping", "Worker", "main", "run_worker"]
