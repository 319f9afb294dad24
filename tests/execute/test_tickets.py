from __future__ import annotations

import pytest

from torchesegeta.execute.deadlines import GRACE, Watch
from torchesegeta.execute.tickets import Queue, Ticket

NAMES = "abcdefgh"


def ticket(image: str, labels: str, passes: int = 1) -> Ticket:
    return Ticket(image, tuple(labels), passes)


def order(queue: Queue) -> list[str]:
    """The jobs as one worker gets them."""
    done: list[str] = []
    present = None
    while (one := queue.next(present)) is not None:
        present = one.image
        done.append(one.image + "".join(one.labels))
    return done


@pytest.mark.parametrize("guilty", ["a", "d", "h", "cf", "abcdefgh"])
def test_the_guilty_end_alone_and_nothing_runs_twice_with_them(guilty: str) -> None:
    queue, failed, finished, crashes = Queue([ticket("i", NAMES)], costly_first=False), set(), set(), 0
    while (one := queue.next(None)) is not None:
        if set(one.labels) & set(guilty):
            crashes += 1
            if len(one.labels) == 1:
                failed |= set(one.labels)
                assert one.retries == 3
            else:
                queue.put_back(one.apart())
        else:
            finished |= set(one.labels)
    assert failed == set(guilty) and finished == set(NAMES) - set(guilty)
    assert crashes <= 4 * len(guilty)


def test_what_is_finished_is_left_out() -> None:
    assert ticket("i", "abc").without("b") == ticket("i", "ac")
    assert ticket("i", "abc").without("abc") is None


def test_one_worker_keeps_the_order_of_the_config() -> None:
    tickets = [ticket("i", "a", 1), ticket("i", "b", 9), ticket("j", "a", 5)]
    assert order(Queue(tickets, costly_first=False)) == ["ia", "ib", "ja"]


def test_several_workers_begin_with_what_costs_most_and_stay_with_their_image() -> None:
    tickets = [
        ticket("i", "a", 1),
        ticket("i", "b", 9),
        ticket("j", "a", 50),
        ticket("j", "b", 60),
        ticket("k", "a", 5),
    ]
    queue = Queue(tickets, costly_first=True)
    first, second = queue.next(None), queue.next(None)
    assert first == ticket("j", "b", 60) and second == ticket("i", "b", 9)
    assert queue.next("i") == ticket("i", "a", 1)
    assert queue.next("i") == ticket("k", "a", 5), "an image that nobody has comes before helping"
    assert queue.next("k") == ticket("j", "a", 50)
    assert queue.next("j") is None and len(queue) == 0


def test_the_jobs_of_an_image_can_be_taken_out() -> None:
    queue = Queue([ticket("i", "a"), ticket("i", "b"), ticket("j", "a")], costly_first=False)
    assert queue.drop("i") == [ticket("i", "a"), ticket("i", "b")] and queue.drop("i") == []
    assert queue.clear() == [ticket("j", "a")] and order(queue) == []


def test_a_job_without_a_limit_is_never_due() -> None:
    watch = Watch(None)
    watch.begin(0)
    watch.progress(3, 100)
    watch.stored(200)
    assert watch.due is None


def test_a_job_is_due_some_time_after_its_deadline() -> None:
    watch = Watch(8)
    watch.begin(10)
    assert watch.due == 18 + GRACE
    watch.progress(1, 20)
    assert watch.due == 18 + 20, "two chunks like the longest one"
    watch.progress(0, 30)
    assert watch.due == 38 + 20, "begun again"
    watch.stored(40)
    assert watch.due == 48 + 20, "finishing and drawing the next map"
    long = Watch(100)
    long.begin(0)
    assert long.due == 125
