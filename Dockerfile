# An image with the commands ingest-scan, ingest-watch and ingest-consume: docker build --tag irods-landing-zone .
FROM python:3.12-slim

COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src

# This account must be able to read mounted sources. Its state (spools, state files) is in /state.
RUN useradd --uid 1000 --create-home ingest && install --directory --owner ingest --group ingest /state
USER ingest
WORKDIR /home/ingest
ENV XDG_STATE_HOME=/state PYTHONUNBUFFERED=1
VOLUME /state

CMD ["ingest-consume"]
