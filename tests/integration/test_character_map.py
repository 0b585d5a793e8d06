"""`character_map` end to end: collections and objects get names that a zone likes, and nothing is synced twice."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from irods.session import iRODSSession

from ingest.paths import UNDECODABLE_PREFIX
from tests.conftest import CommandLine, HandlerFile
from tests.support.counting_proxy import START_CALLS, CountingProxy
from tests.support.integration import avus, collections, handler, rows

BODY = r"""
@staticmethod
def character_map():
    import re
    return {re.compile("[^a-zA-Z0-9]"): "_"}
"""
AVU = "irods::automated_ingest::character_map"
UNITS = "python3.base64.b64encode(full_path_of_source_file)"


def encoded(path: Path) -> str:
    return base64.b64encode(os.fsencode(path)).decode()


def test_every_element_below_the_target_is_mapped_and_the_object_tells_where_it_came_from(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    deep = source / "a b" / "a-b"
    deep.mkdir(parents=True)
    (deep / "é").write_text("deep")
    (deep / "plain").write_text("in a mapped directory")
    (source / "plain").write_text("untouched")
    file = handler_file(BODY)
    ran = scan.ingest(source, home, "--event_handler", file)
    assert (ran.status, ran.out.count("3 synced")) == (0, 1), ran
    assert collections(irods, home) == {"a_b_E4", "a_b_E4/a_b_R4"}
    found = {name: [row.path for row in replicas] for name, replicas in rows(irods, home).items()}
    assert found == {
        "a_b_E4/a_b_R4/__T1d": [str(deep / "é")],
        "a_b_E4/a_b_R4/plain": [str(deep / "plain")],
        "plain": [str(source / "plain")],
    }
    assert avus(irods, home) == [
        ("a_b_E4/a_b_R4/__T1d", AVU, encoded(deep / "é"), UNITS),
        ("a_b_E4/a_b_R4/plain", AVU, encoded(deep / "plain"), UNITS),
    ]
    calls.reset()
    assert "3 unchanged" in scan.ingest(source, home, "--event_handler", file).out
    assert calls.total() == START_CALLS


def test_a_mapped_tree_is_recognised_with_an_empty_cache_and_follows_its_source(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    (source / "a b").mkdir()
    (source / "a b" / "a-b").write_text("one")
    (source / "a b" / "c").write_text("same")
    file = handler_file(BODY)
    assert scan.ingest(source, home, "--event_handler", file).status == 0
    (source / "a b" / "a-b").write_text("one and two")
    scan.state = tmp_path / "other.db"
    ran = scan.ingest(source, home, "--event_handler", file)
    assert "1 synced" in ran.out, ran
    assert "1 unchanged" in ran.out, ran
    assert {name: [row.size for row in found] for name, found in rows(irods, home).items()} == {
        "a_b_E4/a_b_R4": [11],
        "a_b_E4/c": [4],
    }
    assert len(avus(irods, home)) == 2


def test_an_undecodable_name_is_encoded_and_not_mapped_in_collections_that_are(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    directory = os.fsencode(source) + b"/a b"
    os.mkdir(directory)
    with open(directory + b"/x y\xff", "w") as out:
        out.write("odd")
    ran = served.ingest(source, home, "--event_handler", handler_file(handler("PUT_SYNC", more=BODY)))
    assert ran.status == 0, ran
    value = base64.b64encode(directory + b"/x y\xff").decode()
    (name,) = rows(irods, home)
    assert name.startswith(f"a_b_E4/{UNDECODABLE_PREFIX}")
    assert avus(irods, home) == [(name, "irods::automated_ingest::UnicodeEncodeError", value, UNITS)]


def test_the_target_keeps_its_name_unless_its_mapping_is_asked_for(
    scan: CommandLine, source: Path, irods: iRODSSession, home: str, handler_file: HandlerFile
) -> None:
    (source / "a b").write_text("one")
    file = handler_file("@staticmethod\ndef character_map():\n    return {(' ', '-'): '_'}\n")
    target = f"{home}/my data"
    assert scan.ingest(source, target, "--event_handler", file).status == 0
    ((name, _),) = rows(irods, home).items()
    assert name == "my data/a_b~E4"
    ran = scan.ingest(source, target, "--event_handler", file, "--map-target")
    assert ran.status == 0, ran
    mapped = str(scan.last()["target"])
    assert " " not in mapped
    assert rows(irods, mapped).keys() == {"a_b~E4"}


def test_rules_that_make_no_sense_are_refused_before_anything_starts(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile
) -> None:
    file = handler_file("@staticmethod\ndef character_map():\n    return {'ab': '_'}\n")
    ran = scan.ingest(source, home, "--event_handler", file)
    assert (ran.status, ran.out) == (1, "")
    assert "character_map of the event handler has the key 'ab'" in ran.err
    ran = scan.ingest(source, home, "--map-target")
    assert (ran.status, "--map-target needs character_map()" in ran.err) == (1, True)


def test_a_hook_sees_the_old_name_of_what_was_mapped_in_meta(
    served: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path
) -> None:
    (source / "a b").write_text("one")
    (source / "plain").write_text("one")
    log = tmp_path / "log"
    body = (
        BODY
        + f"""
@staticmethod
def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
    with open({str(log)!r}, "a") as out:
        print(meta["target"].rpartition("/")[2], meta.get("b64_path_str_charmap"), meta.get("b64_reason"), file=out)
"""
    )
    assert served.ingest(source, home, "--event_handler", handler_file(body)).status == 0
    assert sorted(log.read_text().splitlines()) == [
        f"a_b_E4 {encoded(source / 'a b').encode()!r} character_map",
        "plain None None",
    ]
