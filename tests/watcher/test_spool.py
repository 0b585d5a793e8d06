"""What was put into the spool comes out in order, whatever happens to the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ingest.errors import Refused
from watcher.events import MakeDirectory, Move, Rescan, Sync, Vanish, Work
from watcher.spool import Spool

ROOT = Path(__file__).parents[2]
EVERY_KIND: list[Work] = [
    MakeDirectory(b"d"),
    Sync(b"d/\xff\n\x01", new=True),
    Sync(b"d/e", new=False),
    Vanish(b"f"),
    Move(b"g", b"h", directory=False),
    Move(b"i", b"", directory=True),
    Rescan(b"", deep=True),
    Rescan(b"d", deep=False),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "spool.db"


def files(first: int, count: int) -> list[Work]:
    return [Sync(b"%d" % number, new=False) for number in range(first, first + count)]


def content(file: Path) -> list[tuple[int, Work]]:
    spool = Spool(file)
    try:
        return spool.after(0, 1_000_000)
    finally:
        spool.close()


def numbers(spool: Spool) -> list[int]:
    return [number for number, _ in spool.after(0, 1000)]


def child(program: str, file: Path) -> subprocess.Popen[str]:
    """A process that has opened the spool when it has written its first line."""
    program = (
        "import pathlib, sys\nfrom watcher.events import Sync\nfrom watcher.spool import Spool\n"
        f"spool = Spool(pathlib.Path(sys.argv[1]))\nprint('open', flush=True)\n{program}"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "open\n"
    return process


def test_work_of_every_kind_comes_out_as_it_was_put_in_and_in_order(file: Path) -> None:
    spool = Spool(file)
    spool.put(EVERY_KIND[:3])
    spool.put(EVERY_KIND[3:])
    assert len(spool) == len(EVERY_KIND)
    found = spool.after(0, 100)
    assert [repr(work) for _, work in found] == [repr(work) for work in EVERY_KIND]
    assert numbers(spool) == sorted(set(numbers(spool)))
    assert (spool.after(0, 2), spool.after(found[1][0], 3)) == (found[:2], found[2:5])
    spool.close()


def test_what_is_done_is_gone_and_the_rest_is_still_there_for_the_next_process(file: Path) -> None:
    spool = Spool(file)
    spool.put(files(0, 10))
    given = numbers(spool)
    spool.choose(given[1::2], 7)
    spool.done(7)
    assert len(spool) == 5
    spool.close()
    assert content(file) == [(number, work) for number, work in zip(given, files(0, 10), strict=True) if number % 2]


def test_a_batch_that_was_chosen_and_not_published_is_there_for_the_next_process(file: Path) -> None:
    spool = Spool(file)
    spool.put(files(0, 3))
    spool.choose(numbers(spool)[:1], 7)
    spool.done(7)
    spool.choose(numbers(spool), 8)
    spool.close()
    spool = Spool(file)
    spool.done(7)  # the last that was published
    spool.choose(numbers(spool)[1:], 8)
    spool.done(8)
    assert [work for _, work in spool.after(0, 9)] == files(1, 1)
    spool.close()


def test_numbers_are_never_used_again_even_if_the_spool_was_empty(file: Path) -> None:
    spool = Spool(file)
    spool.put(files(0, 3))
    last = numbers(spool)[-1]
    spool.choose(numbers(spool), 1)
    spool.done(1)
    spool.close()
    spool = Spool(file)
    spool.put(files(3, 1))
    assert numbers(spool) == [last + 1]
    spool.close()


def test_a_rescan_takes_the_place_of_the_same_one_further_ahead(file: Path) -> None:
    spool = Spool(file)
    deep, shallow = Rescan(b"d", deep=True), Rescan(b"d", deep=False)
    spool.put([deep, shallow, *files(0, 1)])
    spool.put([deep, deep, Vanish(b"d")])
    assert [work for _, work in spool.after(0, 100)] == [shallow, *files(0, 1), deep, Vanish(b"d")]
    assert len(spool) == 4
    spool.close()


def test_a_rescan_that_comes_while_the_same_one_is_being_published_stays(file: Path) -> None:
    spool = Spool(file)
    spool.put([Rescan(b"", deep=True)])
    spool.choose(numbers(spool), 1)
    spool.put([Rescan(b"", deep=True)])
    spool.done(1)
    assert [work for _, work in spool.after(0, 1)] == [Rescan(b"", deep=True)]
    assert len(spool) == 1
    spool.close()


def test_what_put_has_returned_from_outlives_kill_9(file: Path) -> None:
    """The child is killed in the middle of its puts, of ten pieces each; what it was doing then is there or is not."""
    putting = (
        "for batch in range(1_000_000):\n"
        "    spool.put([Sync(b'%d' % (10 * batch + number), False) for number in range(10)])\n"
        "    print(batch, flush=True)\n"
    )
    process = child(putting, file)
    assert process.stdout
    for _ in range(50):
        process.stdout.readline()
    process.kill()
    unread = process.communicate()[0].splitlines(keepends=True)
    acknowledged = 50 + sum(line.endswith("\n") for line in unread)
    found = [work for _, work in content(file)]
    assert found == files(0, len(found))
    assert len(found) in (10 * acknowledged, 10 * acknowledged + 10)


def test_a_second_process_is_refused_until_the_first_has_gone(file: Path) -> None:
    process = child("import time\ntime.sleep(600)", file)
    with pytest.raises(Refused, match=r"another process uses the spool .*spool\.db"):
        Spool(file)
    process.kill()
    process.communicate()
    assert content(file) == []


@pytest.mark.parametrize("damage", ["no database", "a broken page"])
def test_a_damaged_file_is_refused_in_a_sentence_that_says_what_to_do(file: Path, damage: str) -> None:
    spool = Spool(file)
    spool.put(files(0, 1000))
    spool.close()
    with file.open("r+b") as out:
        out.seek(0 if damage == "no database" else file.stat().st_size // 2)
        out.write(b"garbage" * 1000)
    for _ in range(2):  # and the lock is given back
        with pytest.raises(
            Refused, match=r"the spool .*spool\.db is damaged \(.*\): remove it, and the next start scans"
        ):
            Spool(file)
    file.unlink()
    assert content(file) == []


def test_a_place_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=r"cannot use the spool .*: (Not a directory|File exists)"):
        Spool(tmp_path / "file" / "spool.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(Refused, match=r"cannot use the spool .*folder"):
        Spool(tmp_path / "folder")


def test_a_spool_that_is_cleared_is_empty_also_for_the_next_process(file: Path) -> None:
    spool = Spool(file)
    spool.put(EVERY_KIND)
    spool.clear()
    assert (len(spool), numbers(spool)) == (0, [])
    spool.put([Vanish(b"f")])
    assert len(spool) == 1
    spool.close()
    assert [work for _, work in content(file)] == [Vanish(b"f")]
