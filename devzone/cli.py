"""The options of the command ``ingest-devzone``."""

from pathlib import Path

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=1247, show_default=True, help="0 chooses a free port.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder for catalog and vault (created if missing).")
@click.option("--environment", type=click.Path(path_type=Path), help="File to write the client environment to.")
@click.option("--latency", type=click.Choice(["none", "real"]), default="none", show_default=True,
              help="With real, each call takes as long as on a small real server.")  # fmt: skip
@click.option("--allow-remote", is_flag=True, help="Allow a --host that other machines can reach.")
def main(host: str, port: int, data: Path | None, environment: Path | None, latency: str, allow_remote: bool) -> None:
    """Run a stand-in for an iRODS 5.0.2 server: zone tempZone, administrator rods with password rods.

    NOT FOR DATA THAT MATTERS. It answers python-irodsclient as a real server does, keeps its catalog and vault in
    one folder, and listens on this machine only. When it is ready, it prints one line of JSON with the host, the port
    and the path of the client environment. SIGTERM and SIGINT stop it.
    """
    from devzone.process import run  # noqa: PLC0415 - --help must be quick

    run(host, port, data, environment, real_latency=latency == "real", allow_remote=allow_remote)
