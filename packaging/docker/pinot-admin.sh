#!/bin/bash
# The name by which Pinot's users call the admin tool in a container: `docker exec … bin/pinot-admin.sh <Verb> …`.
exec /opt/pinot/bin/cuvee "$@"
