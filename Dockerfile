# wsi-idc in a container. CPU:  docker build -t wsi-idc .
#                         GPU:  docker build -t wsi-idc:gpu --build-arg EXTRAS=gpu .
#   docker run --rm -v "$PWD:/data" wsi-idc heatmap slide.svs -o maps
# (Results belong to user 1000; --user "$(id -u)" makes them yours. With fewer rights: SECURITY.md)
#   docker run --rm --gpus all -v "$PWD:/data" wsi-idc:gpu heatmap slide.svs -o maps
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY wsi_idc ./wsi_idc
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
ARG EXTRAS=openvino,parquet
COPY --from=build /wheels /wheels
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# The wheel is of this checkout, so there is no version to pin.
# hadolint ignore=DL3013
RUN wheel=$(ls /wheels/*.whl) \
    && python -m pip install --no-cache-dir "${wheel}[${EXTRAS}]" \
    && rm -r /wheels \
    && useradd --create-home --uid 1000 user
USER 1000
# Matplotlib and Keras keep small files there; the home may not be writable with --user.
ENV MPLCONFIGDIR=/tmp/matplotlib KERAS_HOME=/tmp/keras
WORKDIR /data
ENTRYPOINT ["wsi-idc"]
CMD ["--help"]
