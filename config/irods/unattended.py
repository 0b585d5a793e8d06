"""Write the answers for iRODS's setup_irods.py to stdout. They come from the server's template and the environment.

Usage: `unattended.py [TEMPLATE]`. The schema is unattended_installation.json of iRODS 5.
"""

import json
import os
import sys

TEMPLATE = "/var/lib/irods/packaging/server_config.json.template"
ZONE, ADMINISTRATOR, RESOURCE, PORT = "tempZone", "rods", "demoResc", 1247
SAME_FOR_CLIENTS = ("client_server_policy", "connection_pool_refresh_time_in_seconds", "default_hash_scheme",
                    "match_hash_policy")  # fmt: skip
TRANSFER = ("default_number_of_transfer_threads", "maximum_size_for_single_buffer_in_megabytes",
            "transfer_buffer_size_for_parallel_transfer_in_megabytes")  # fmt: skip


def answers(template: dict, environ: dict) -> dict:
    """Return all answers. Raises KeyError for a variable that is not set."""
    host = environ["IRODS_HOST"]
    server = template | {
        "host": host,
        "catalog_provider_hosts": [host],
        "catalog_service_role": "provider",
        "default_resource_name": RESOURCE,
        "negotiation_key": environ["IRODS_NEGOTIATION_KEY"],
        "server_port_range_start": 20000,
        "server_port_range_end": 20199,
        "zone_key": environ["IRODS_ZONE_KEY"],
        "zone_name": ZONE,
        "zone_port": PORT,
        "zone_user": ADMINISTRATOR,
    }
    server["plugin_configuration"]["database"] = {
        "technology": "postgres",
        "odbc_driver": "PostgreSQL ANSI",
        "host": environ["IRODS_DATABASE_HOST"],
        "port": 5432,
        "name": "ICAT",
        "username": "irods",
        "password": environ["IRODS_DATABASE_PASSWORD"],
    }
    home = f"/{ZONE}/home/{ADMINISTRATOR}"
    client = {
        "schema_name": "service_account_environment",
        "schema_version": template["schema_version"],
        "irods_host": host,
        "irods_port": PORT,
        "irods_zone_name": ZONE,
        "irods_user_name": ADMINISTRATOR,
        "irods_home": home,
        "irods_cwd": home,
        "irods_default_resource": RESOURCE,
        **{f"irods_{name}": template[name] for name in SAME_FOR_CLIENTS},
        **{f"irods_{name}": template["advanced_settings"][name] for name in TRANSFER},
        **{f"irods_encryption_{name}": value for name, value in template["encryption"].items()},
    }
    return {
        "admin_password": environ["IRODS_PASSWORD"],
        "default_resource_directory": "/var/lib/irods/Vault",
        "default_resource_name": RESOURCE,
        "host_system_information": {"service_account_user_name": "irods", "service_account_group_name": "irods"},
        "server_config": server,
        "service_account_environment": client,
    }


if __name__ == "__main__":
    with open(sys.argv[1] if len(sys.argv) > 1 else TEMPLATE) as file:
        json.dump(answers(json.load(file), dict(os.environ)), sys.stdout, indent=4)
