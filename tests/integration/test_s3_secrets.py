"""Credentials stay in the processes that need them."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import handler
from tests.support.s3_jobs import ingest
from tests.support.s3_servers import Bucket


def test_no_secret_gets_into_a_message_a_record_a_log_or_what_is_printed(
    scan: CommandLine, bucket: Bucket, home: str, handler_file: HandlerFile, tmp_path: Path
) -> None:
    pair, log, profile = tmp_path / "keypair", tmp_path / "log", tmp_path / "profile"
    pair.write_text(f"{bucket.server.key}\n{bucket.server.secret}\n")
    token = "token-of-a-session"
    for key in ("d/x", "y"):
        bucket.put(key, key.encode())
    fail = (
        "@staticmethod\ndef to_resource(session, meta, **options):\n"
        "    return 'noSuchResc' if meta['path'].endswith('y') else None\n"
    )
    file = handler_file(handler("PUT_SYNC", more=fail))
    options = ["--event_handler", str(file), "--log_level", "DEBUG", "--log_filename", str(log)]
    options += ["--profile", "--profile_filename", str(profile)]
    said = ""
    for more in ((), ("--s3_keypair", pair)):
        ran = ingest(scan, bucket, home, *options, *more)
        assert (ran.status, "1 failed" in ran.out) == (255, True), ran
        said += ran.out + ran.err
    wrong = bucket.server.environ | {"AWS_SESSION_TOKEN": token, "AWS_SECRET_ACCESS_KEY": "wrong-sesame"}
    ran = scan("start", bucket.url(), home, *bucket.server.options(), *options, **wrong)
    assert ran.status == 1, ran
    said += ran.out + ran.err + scan("list").out + scan("failures", str(scan.last()["job_name"])).out
    written = [file for file in (*scan.state.parent.iterdir(), log, profile) if file.is_file()]
    assert len(written) >= 3
    everything = said.encode() + b"".join(file.read_bytes() for file in written)
    for secret in (bucket.server.secret, token, "wrong-sesame"):
        assert secret.encode() not in everything
    assert b"/keypair" in everything  # the path of the file is no secret
