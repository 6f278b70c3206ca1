# The image of every role: what follows `docker run cuvee` is a verb, as `StartController -configFile …`.
#
#   docker build -t cuvee .                                                     compiles inside the build
#   docker build -t cuvee --target prebuilt --build-arg BINARY=dist/cuvee .     takes a binary that is there already
#
# The folder layout is the one that Pinot's users mount into: /opt/pinot/bin, conf, data, examples.

# Debian 12 or newer, or anything with its C library, a shell and curl.
ARG BASE_IMAGE=debian:bookworm-slim
ARG RUST_IMAGE=rust:1.95-bookworm

FROM ${BASE_IMAGE} AS base
# What compose files of Pinot's users call: bash, curl, wget, nc. A base that has them needs no network.
RUN for tool in bash curl wget nc; do command -v $tool >/dev/null || missing=yes; done; \
    if [ -n "$missing" ] || [ ! -s /etc/ssl/certs/ca-certificates.crt ]; then \
      apt-get update -qq \
      && apt-get install -y -qq --no-install-recommends bash ca-certificates curl netcat-openbsd wget \
      && rm -rf /var/lib/apt/lists/*; \
    fi
# A volume takes its owner from the folder it is mounted over, so these exist and belong to the user of the processes.
RUN groupadd --gid 1000 pinot && useradd --uid 1000 --gid 1000 --home-dir /opt/pinot --no-create-home --shell /bin/bash pinot \
    && for dir in /opt/pinot/bin /opt/pinot/conf /opt/pinot/configs /opt/pinot/data /var/pinot /tmp/data /tmp/pinot /data; do \
         mkdir -p $dir && chown pinot:pinot $dir; \
       done \
    && ln -s /opt/pinot/bin/cuvee /usr/local/bin/cuvee
ENV PINOT_HOME=/opt/pinot
WORKDIR /opt/pinot
COPY scripts/pinot-admin.sh scripts/quick-start-batch.sh scripts/start-*.sh packaging/docker/healthcheck.sh /opt/pinot/bin/
COPY packaging/conf /opt/pinot/conf/
RUN sed -i 's|/var/lib/cuvee|/opt/pinot/data|' /opt/pinot/conf/*.conf
COPY examples /opt/pinot/examples/
USER pinot
VOLUME /opt/pinot/data
# Controller, broker, server (queries, admin), minion.
EXPOSE 9000 8099 8098 8097 9514
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=6 CMD ["/opt/pinot/bin/healthcheck.sh"]
ENTRYPOINT ["/opt/pinot/bin/pinot-admin.sh"]
CMD ["-help"]

# Builders without BuildKit run this stage on their way to the last one, too: the pattern lets it pass without a binary.
FROM base AS prebuilt
ARG BINARY=dist/cuvee
COPY packaging/docker/healthcheck.sh ${BINARY}* /opt/pinot/bin/

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p cuvee-cli --bin cuvee

FROM base
COPY --from=build /src/target/release/cuvee /opt/pinot/bin/cuvee
