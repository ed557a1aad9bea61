# The server and the `stillweb` command, without torch. Built from the repository's root:
#   docker build --file docker/server.Dockerfile --tag stillweb-server .
# The Python is the one that constraints.txt was made with. A tag here and no digest: docs/deployment.md says why.
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# pip reads it: another index for packages.
ARG PIP_EXTRA_INDEX_URL
WORKDIR /source
RUN python -m venv /opt/stillweb
COPY LICENSE NOTICE README.md constraints.txt pyproject.toml stillweb.py ./
COPY corpus corpus
COPY env_server env_server
COPY agent agent
COPY training training
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/stillweb/bin/pip install --disable-pip-version-check --constraint constraints.txt '.[postgres,agent]'

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/stillweb /opt/stillweb
# The folders of volumes belong to the user: a new volume takes over whose they are.
RUN useradd --uid 10001 --create-home stillweb && install --directory --owner=10001 /snapshots /var/lib/stillweb
ENV PATH=/opt/stillweb/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STILLWEB_HOME=/var/lib/stillweb
USER 10001
WORKDIR /var/lib/stillweb
EXPOSE 8080
CMD ["stillweb", "--help"]
