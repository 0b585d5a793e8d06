#!/bin/sh
# In a new container, set up the server. Then run it. An existing catalog keeps its contents.
set -eu

ready=/var/lib/irods/.set-up
install --directory --owner irods --group irods /run/irods

if [ ! -e "$ready" ]; then
    answers=$(mktemp)
    python3 /usr/local/lib/landing-zone/unattended.py >"$answers"
    python3 /var/lib/irods/scripts/setup_irods.py --json_configuration_file "$answers"
    rm "$answers"
    touch "$ready"
fi

cd /var/lib/irods
unset IRODS_PASSWORD IRODS_ZONE_KEY IRODS_NEGOTIATION_KEY IRODS_DATABASE_PASSWORD
exec env HOME=/var/lib/irods USER=irods LOGNAME=irods \
    setpriv --reuid=irods --regid=irods --init-groups irodsServer --stdout
