#!/bin/bash
# Healthy: every role that listens in this container answers OK, and there is at least one.
# Other ports than Pinot's: set CUVEE_HEALTH_URLS to the addresses to ask, separated by spaces.
urls=${CUVEE_HEALTH_URLS:-http://localhost:9000/health http://localhost:8099/health http://localhost:8097/health/readiness http://localhost:9514/health}
healthy=0
for url in $urls; do
  # 7: nothing listens there, so that role is not in this container.
  curl -fsS -o /dev/null --max-time 4 "$url"
  case $? in
    0) healthy=$((healthy + 1)) ;;
    7) [ -z "$CUVEE_HEALTH_URLS" ] || exit 1 ;;
    *) exit 1 ;;
  esac
done
[ "$healthy" -gt 0 ]
