"""The AVU that tells what an undecodable source path was called."""

from __future__ import annotations

import base64

from irods.meta import iRODSMeta

from ingest.paths import UNDECODABLE_AVU, UNDECODABLE_UNITS


def undecodable_avu(source: bytes) -> iRODSMeta:
    """The AVU for what came from an absolute source path that is not UTF-8."""
    return iRODSMeta(UNDECODABLE_AVU, base64.b64encode(source).decode("ascii"), UNDECODABLE_UNITS)
