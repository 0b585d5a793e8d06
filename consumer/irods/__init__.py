"""The only code that talks to iRODS, through python-irodsclient.

`sessions` logs in, `requests` makes single API calls, `catalog` lists, `collections`, `registration` and `transfer`
change things, `errors` names errors.
"""
