#!/usr/bin/env bash
# Makes the deployment's secrets; one that is there already is left as it is. Needs kubectl and openssl.
#
#     k8s/make-secrets.sh                                   # Redis in the cluster (overlays/dev)
#     REDIS_URL=rediss://redis.example.org:6379 REDIS_PASSWORD_FILE=password k8s/make-secrets.sh
#
# mcp-session-manager: key (signs tokens, encrypts variables; without it all sessions are lost), credential (the owner's, for the
# command line), admin-password (of `admin`). redis: url, password.
set -euo pipefail
namespace=mcp-session-manager
url=${REDIS_URL:-redis://redis:6379}

is_there() {
  kubectl -n "$namespace" get secret "$1" --output name 2>/dev/null && echo 'is there already, and is left as it is'
}

kubectl apply -f "$(dirname "$0")/base/namespaces.yaml"
# By way of files: arguments can be read by every user of this machine.
is_there mcp-session-manager || kubectl -n "$namespace" create secret generic mcp-session-manager \
  --from-file=key=<(openssl rand 32) \
  --from-file=credential=<(openssl rand -hex 32 | tr -d '\n') \
  --from-file=admin-password=<(openssl rand -hex 16 | tr -d '\n')
is_there redis || kubectl -n "$namespace" create secret generic redis \
  --from-file=url=<(printf %s "$url") \
  --from-file=password=<(if [[ ${REDIS_PASSWORD_FILE:-} ]]; then cat "$REDIS_PASSWORD_FILE"; else openssl rand -hex 32 | tr -d '\n'; fi)
