# The web server: no torch.
FROM python:3.11-slim-bookworm AS assets
WORKDIR /app
COPY requirements/web.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/web.txt
COPY package.json package-lock.json .npmrc ./
COPY workbench/__init__.py workbench/
COPY workbench/launch workbench/launch
RUN python -m workbench.launch.assets

FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data
WORKDIR /app
COPY requirements/web.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/web.txt
COPY manage.py ./
COPY workbench workbench
COPY jobs jobs
COPY templates templates
COPY static static
COPY --from=assets /app/static/vendor static/vendor
RUN useradd --create-home --uid 10001 workbench && mkdir /data && chown 10001 /data
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
CMD ["python", "-m", "workbench.launch.container", "web"]
