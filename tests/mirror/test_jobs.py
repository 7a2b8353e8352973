"""The queue of jobs and the locks that die with their holder."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fallback_server.domain.modes import Permit
from fallback_server.store import jobs
from fallback_server.store.locks import LockBusy, single_instance
from fallback_server.store.session import Store


def ask(store: Store, kind: str = jobs.MIRROR, **arguments: object) -> int:
    with store.writing(Permit.HOUSEKEEPING) as tx:
        return jobs.enqueue(tx, kind, arguments, "A01")


def state(store: Store, number: int) -> dict[str, object]:
    with store.reading() as tx:
        found = jobs.find(tx.conn, number)
    assert found is not None
    return dict(found)


def test_jobs_are_done_in_order_and_say_what_became_of_them(store: Store) -> None:
    first, second = ask(store), ask(store, jobs.UPLOAD, incident_no=1)
    claimed = jobs.claim(store)
    assert claimed is not None and (claimed.id, claimed.requested_by) == (first, "A01")
    jobs.finish(store, first, {"state": "published"})
    assert (state(store, first)["state"], state(store, first)["result"]) == ("done", {"state": "published"})
    assert jobs.claim(store, (jobs.MIRROR,)) is None
    claimed = jobs.claim(store, (jobs.UPLOAD,))
    assert claimed is not None and claimed.arguments == {"incident_no": 1}
    jobs.fail(store, second, "no")
    assert (state(store, second)["state"], state(store, second)["error"]) == ("failed", "no")


def test_the_same_work_waits_once(store: Store) -> None:
    first = ask(store, datasets=["drug"])
    assert ask(store, datasets=["drug"]) == first
    assert ask(store, datasets=["patient"]) != first
    jobs.claim(store)
    assert ask(store, datasets=["drug"]) != first  # one runs, one more may wait


def test_two_workers_never_get_the_same_job(store: Store) -> None:
    numbers = {ask(store, n=n) for n in range(8)}
    with ThreadPoolExecutor(4) as pool:
        claimed = [job.id for job in pool.map(lambda _: jobs.claim(store), range(8)) if job is not None]
    claimed += [job.id for job in iter(lambda: jobs.claim(store), None)]
    assert sorted(claimed) == sorted(numbers)


def test_a_dead_workers_job_is_queued_again_until_it_killed_three(store: Store) -> None:
    number = ask(store)
    for _ in range(jobs.MAX_DEATHS - 1):
        assert jobs.claim(store) is not None
        assert jobs.recover(store) == (1, 0)
    assert jobs.claim(store) is not None
    assert jobs.recover(store) == (0, 1)
    assert state(store, number)["state"] == "failed"


def test_an_orderly_stop_is_no_death(store: Store) -> None:
    ask(store)
    for _ in range(jobs.MAX_DEATHS + 2):
        claimed = jobs.claim(store)
        assert claimed is not None and claimed.attempts == 1
        jobs.give_back(store, claimed)


def test_a_lock_is_had_by_one_and_waited_for(store: Store) -> None:
    with single_instance(store.url, "x"):
        with pytest.raises(LockBusy), single_instance(store.url, "x", wait_seconds=0):
            pass
        with pytest.raises(LockBusy), single_instance(store.url, "x", give_up=lambda: True):
            pass
        with single_instance(store.url, "y", wait_seconds=0):
            pass
    with single_instance(store.url, "x", wait_seconds=0):
        pass


def test_a_lock_dies_with_its_holder(store: Store) -> None:
    code = (
        "import sys, time\nfrom fallback_server.store.locks import single_instance\n"
        "with single_instance(sys.argv[1], 'x'):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, store.url], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with pytest.raises(LockBusy), single_instance(store.url, "x", wait_seconds=0):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with single_instance(store.url, "x", wait_seconds=30):
        pass


def test_a_waiter_gets_the_lock_when_it_is_given_back(store: Store) -> None:
    got = threading.Event()

    def wait() -> None:
        with single_instance(store.url, "x"):
            got.set()

    with single_instance(store.url, "x"):
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert not got.wait(0.3)
    assert got.wait(30)
    waiter.join()
