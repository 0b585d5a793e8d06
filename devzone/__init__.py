"""A one-process development stand-in of an iRODS 5.0.2 server; never for data that matters.

It speaks the XML flavour of the iRODS protocol, as python-irodsclient does, and answers as the record of a
real server in ``tests/devzone/facts`` says. A SQLite catalog and the vault lie together in one folder.
"""
