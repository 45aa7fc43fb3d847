# docker build -t sagan .                            PyTorch for CPUs
# docker build -t sagan --build-arg DEVICE=cuda .    PyTorch with CUDA's libraries
# docker run --rm -v sagan-data:/project/data sagan kedro run --pipeline=train
ARG PYTHON=3.12
FROM python:${PYTHON}-slim-bookworm

ARG DEVICE=cpu
# compiled here, since the user of a container cannot write into /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 UV_COMPILE_BYTECODE=1
WORKDIR /project

# where the repository is mounted (the dev container) git records the commit of a run, and DVC needs it;
# torch.compile (training.compile) needs a compiler
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git g++ \
    && rm -rf /var/lib/apt/lists/*

# the versions of the lock. The lock's torch has CUDA's libraries; for CPUs uv takes the same versions
# from PyTorch's builds without CUDA, whose hashes the lock does not have
COPY requirements.lock requirements-bootstrap.lock ./
RUN python -m venv /opt/venv \
    && pip install --no-cache-dir --require-hashes -r requirements-bootstrap.lock
RUN if [ "$DEVICE" = cuda ]; then \
        uv pip install --no-cache --no-deps --require-hashes -r requirements.lock; \
    else \
        torch='^(torch|torchvision)==' ; cuda='^(triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)==' ; \
        awk -v out="$torch|$cuda" '/^[a-z0-9]/ {keep = $0 !~ out} keep' requirements.lock > others.lock \
        && uv pip install --no-cache --no-deps --require-hashes -r others.lock \
        && uv pip install --no-cache --no-deps --torch-backend cpu \
            $(grep -oE "$torch[0-9.]+" requirements.lock) \
        && rm others.lock; \
    fi

COPY . .
RUN uv pip install --no-cache --no-deps --no-build-isolation --editable . \
    && useradd --create-home --uid 1000 sagan \
    && chown -R sagan /project
USER sagan
VOLUME /project/data
CMD ["sagan"]
