# Debian's redis_exporter in the place of the image that compose.yaml names.
FROM node:24-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends prometheus-redis-exporter \
 && ln -s /usr/bin/prometheus-redis-exporter /redis_exporter
