# A worker with the engine: torch, transformers, peft. Give it a GPU, or let it work on the CPU.
FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data
WORKDIR /app
COPY requirements requirements
RUN pip install --no-cache-dir -r requirements/torch.txt \
 && pip install --no-cache-dir --require-hashes -r requirements/web.txt -r requirements/engine.txt
COPY manage.py ./
COPY workbench workbench
COPY jobs jobs
RUN useradd --create-home --uid 10001 workbench && mkdir /data && chown 10001 /data
USER 10001
VOLUME /data
CMD ["python", "-m", "workbench.launch.container", "gpu"]
