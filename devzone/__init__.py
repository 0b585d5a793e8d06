"""A one-process stand-in for an iRODS 5.0.2 server, for development and tests. Never use it for data that matters.

It speaks the XML form of the iRODS protocol, as python-irodsclient does. Its answers match those of a real server. They
are recorded in ``tests/devzone/facts``; "recorded: NAME" in a docstring refers to one of those cases. One folder holds
the catalog (SQLite) and the vault.
"""
