# The harness on Linux, for a user that is not root. docs/container.md says how to run it.
FROM python:3.12-slim-bookworm

# PyTorch for the CPU alone; the default index has PyTorch with CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

RUN useradd --create-home --uid 1000 researcher \
    && mkdir /study && chown researcher /study

COPY . /source/
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" "torch>=2.6,<3" "torchvision>=0.21,<1" \
    && pip install --no-cache-dir "/source[data,openai]" \
    && rm -rf /source

USER 1000
WORKDIR /study
ENTRYPOINT ["guided-evolution"]
CMD ["--help"]
