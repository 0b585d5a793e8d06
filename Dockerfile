# The commands: ingest-scan, ingest-watch, ingest-consume. `docker build --tag irods-landing-zone .`
FROM python:3.12-slim

COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src

# Sources that are mounted must be readable for this account; it keeps its own state (spools, state files) in /state.
RUN useradd --uid 1000 --create-home ingest && install --directory --owner ingest --group ingest /state
USER ingest
WORKDIR /home/ingest
ENV XDG_STATE_HOME=/state PYTHONUNBUFFERED=1
VOLUME /state

CMD ["ingest-consume"]
