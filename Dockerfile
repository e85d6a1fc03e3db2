# syntax=docker/dockerfile:1
# Everything of mmfashion_ext, by tools/install.py and its lock file:
#   docker build -t mmfashion .
#   docker build -t mmfashion:cuda --build-arg VARIANT=cuda .
# docs/docker.md says how to run it.
FROM debian:bookworm-slim
# cpu, or cuda: mmcv's ops for GPUs too; PyTorch brings CUDA's libraries, the
# lock file its compiler, the host the driver
ARG VARIANT=cpu
# architectures of the GPUs that it will run on, see docs/get_started.md
ARG CUDA_ARCH="8.0;8.6;9.0"
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates g++ git libgl1 libglib2.0-0 make \
        python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/mmfashion_ext
# first what changes rarely: PyTorch, the hosts, and mmcv's ops, compiled
COPY requirements requirements
COPY tools tools
RUN --mount=type=cache,target=/root/.cache \
    if [ "$VARIANT" = cuda ]; then set -- --cuda --cuda-arch "$CUDA_ARCH"; fi; \
    python3 tools/install.py --venv /opt/venv "$@"

COPY setup.py pyproject.toml MANIFEST.in LICENSE README.md model-index.yml ./
COPY configs configs
COPY demo demo
COPY weights weights
COPY mmfashion_ext mmfashion_ext
# the same again, from the cache, and the package itself
RUN --mount=type=cache,target=/root/.cache \
    if [ "$VARIANT" = cuda ]; then set -- --cuda --cuda-arch "$CUDA_ARCH"; fi; \
    python3 tools/install.py --venv /opt/venv "$@"

# any user may run it (docker run --user); caches go to a folder of theirs
ENV PATH="/opt/venv/bin:$PATH" HOME=/tmp
# what NVIDIA's container runtime looks for
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /work
ENTRYPOINT ["mmfashion"]
CMD ["--help"]
