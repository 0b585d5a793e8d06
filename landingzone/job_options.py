"""The options that say what a job is: of `ingest-scan start` and of `ingest-watch`."""

from __future__ import annotations

from pathlib import Path

import click

from landingzone.options import Seconds, option, options

_BULK = "Register new files 50 at a time; =no-mtime leaves out the call per file that records its time."

job_options = options(
    option("job_name", help="Name of the job [a UUID]."),
    option("event_handler", type=click.Path(path_type=Path), help="Python file with a class event_handler."),
    option("files_per_task", type=click.IntRange(min=1), default=50, show_default=True, help="Files in one task."),
    option("ignore_cache", is_flag=True, help="Sync what looks unchanged, too."),
    option("initial_ingest", is_flag=True, help="Take the target as empty and ask the catalog nothing."),
    option("irods_idle_disconnect_seconds", type=click.IntRange(min=1), default=60, show_default=True),
    option("exclude_file_type", help="Comma list: regular,directory,character,block,socket,pipe,link."),
    option("exclude_file_name", multiple=True, help="Regex on the absolute path, from its start."),
    option("exclude_directory_name", multiple=True, help="The same for directories and all below them."),
    option("exclude", multiple=True, metavar="PATTERN", help="gitignore pattern, relative to the source."),
    option("include", multiple=True, metavar="PATTERN", help="Exception to an earlier --exclude."),
    option("follow_symlinks", is_flag=True, help="Follow links to directories and out of the source."),
    option("one_file_system", is_flag=True, help="Do not enter other mounts."),
    option("checksum", is_flag=True, help="Have the server verify and keep checksums."),
    option("bulk", is_flag=False, flag_value="mtime", type=click.Choice(("mtime", "no-mtime")), help=_BULK),
    option("preserve_mtime", is_flag=True, help="Give put objects the modification time of their file."),
    option("max_delete", metavar="N|P%", help="Delete nothing when more than this would be deleted."),
    option("delete_only_ingested", is_flag=True, help="Delete only what this tool has brought there."),
    option("accept_new_device", is_flag=True, help="Delete though the source is on another device than last time."),
    option("workers", type=click.IntRange(min=1), help="Worker processes [number of CPUs]."),
    option("stop_grace", type=Seconds(), default=10.0, show_default=True, help="Seconds on stop."),
    option("map_target", is_flag=True, help="Apply the handler's character_map to TARGET itself, too."),
    option("allow_overlap", is_flag=True, help="Allow another active job on an overlapping target."),
    option("restart_queue", help="Topic of passes."),
    option("path_queue", help="Topic of directories."),
    option("file_queue", help="Topic of batches of files."),
    option("s3_keypair", metavar="FILE", help="SOURCE is in S3; FILE has access and secret key [AWS_… or profile]."),
    option("s3_endpoint_domain", metavar="HOST[:PORT]", help="S3 server [s3.amazonaws.com]."),
    option("s3_region_name", help="Its region [us-east-1]."),
    option("s3_proxy_url", help="Proxy to reach it by [HTTPS_PROXY]."),
    option("s3_insecure_connection", is_flag=True, help="Reach it without TLS."),
    option("s3_multipart_chunksize_in_mib", type=click.IntRange(5, 5000), help="All uploads had parts of this size."),
)
