"""Kafka and Redis as they stand in a network that is not trusted: TLS of a private authority, SCRAM and an ACL."""

from __future__ import annotations

import secrets
from pathlib import Path

import redis
import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.services import Kafka, Redis

USER = "ingest"
_KAFKA = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{{controller}}
controller.listener.names=CONTROLLER
listeners=GUARDED://127.0.0.1:{{guarded}},CONTROLLER://127.0.0.1:{{controller}},INTERNAL://127.0.0.1:{{port}}
advertised.listeners=GUARDED://127.0.0.1:{{guarded}},INTERNAL://127.0.0.1:{{port}}
listener.security.protocol.map=GUARDED:SASL_SSL,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT
inter.broker.listener.name=INTERNAL
listener.name.guarded.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.guarded.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.guarded.ssl.keystore.type=PEM
listener.name.guarded.ssl.keystore.location={server}
log.dirs={{data}}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
"""
_REDIS = """
bind 127.0.0.1
port 0
tls-port {{port}}
tls-cert-file {server}
tls-key-file {server}
tls-ca-cert-file {authority}
tls-auth-clients no
dir {{folder}}
appendonly yes
save ''
user default on >{{password}} ~* &* +@all
user {user} on >{password} ~ingest:* &* +@all -@admin -@dangerous
"""


class Authority:
    """A certificate authority, with its certificate in `file`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._ca = trustme.CA()
        self._folder = folder
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def server(self, name: str = "127.0.0.1") -> Path:
        """A file with key (PKCS 8, the only form that Kafka reads) and certificate of the server of this name."""
        issued = self._ca.issue_cert(name)
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        file = self._folder / f"{name}.pem"
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(text + b"".join(each.bytes() for each in issued.cert_chain_pems))
        return file


class SecuredKafka(Kafka):
    """A broker whose `guarded` listener wants TLS and SCRAM-SHA-512."""

    def __init__(self, folder: Path, authority: Authority, name: str = "127.0.0.1") -> None:
        self.password = secrets.token_hex(8)
        self.authority = authority
        account = f"SCRAM-SHA-512=[name={USER},password={self.password}]"
        super().__init__(folder, _KAFKA.format(server=authority.server(name)), "--add-scram", account)

    @property
    def environ(self) -> dict[str, str]:
        """What a client is told."""
        return {
            "INGEST_KAFKA": self.guarded,
            "INGEST_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "INGEST_KAFKA_USERNAME": USER,
            "INGEST_KAFKA_PASSWORD": self.password,
            "INGEST_KAFKA_CA_FILE": str(self.authority.file),
        }


class SecuredRedis(Redis):
    """A server that speaks TLS only, with an account that may touch nothing but the store."""

    def __init__(self, folder: Path, authority: Authority, name: str = "127.0.0.1") -> None:
        self.authority = authority
        self.user_password = secrets.token_hex(8)
        template = _REDIS.format(
            server=authority.server(name), authority=authority.file, user=USER, password=self.user_password
        )
        super().__init__(folder, template)
        self.url = f"rediss://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        """A client that may do everything, whatever the server is called."""
        return redis.Redis.from_url(
            self.url, password=self.password, ssl_ca_certs=str(self.authority.file), ssl_check_hostname=False
        )

    @property
    def environ(self) -> dict[str, str]:
        """What a client is told."""
        return {
            "INGEST_REDIS": self.url,
            "INGEST_REDIS_USERNAME": USER,
            "INGEST_REDIS_PASSWORD": self.user_password,
            "INGEST_REDIS_CA_FILE": str(self.authority.file),
        }
