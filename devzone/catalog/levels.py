"""Access levels: names and token ids (source: python-irodsclient, ``irods.access``)."""

LEVELS = {
    "null": 1000, "execute": 1010, "read_annotation": 1020, "read_system_metadata": 1030, "read_metadata": 1040,
    "read_object": 1050, "write_annotation": 1060, "create_metadata": 1070, "modify_metadata": 1080,
    "delete_metadata": 1090, "administer_object": 1100, "create_object": 1110, "modify_object": 1120,
    "delete_object": 1130, "create_token": 1140, "delete_token": 1150, "curate": 1160, "own": 1200,
}  # fmt: skip
READ = LEVELS["read_object"]
CREATE_METADATA = LEVELS["create_metadata"]
MODIFY_METADATA = LEVELS["modify_metadata"]
DELETE_METADATA = LEVELS["delete_metadata"]
MODIFY = LEVELS["modify_object"]
DELETE = LEVELS["delete_object"]
OWN = LEVELS["own"]
