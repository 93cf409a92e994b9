# One file, three stages. The default image is the application (web, jobs, migrate: no torch);
# `--target trainer` adds what a GPU or CPU trainer needs.
FROM node:24-slim AS vendor
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY app/web/vendor.mjs app/web/vendor.mjs
RUN npm run --silent vendor

FROM python:3.13-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PRECEPTOR_DATA_DIR=/data
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin preceptor \
    && install -d -o preceptor -g preceptor -m 0700 /data
WORKDIR /srv/preceptor
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY app app
COPY trainer trainer
COPY templates templates
COPY static static
COPY migrations migrations
COPY docs docs

FROM base AS trainer
ENV HOME=/data HF_HUB_OFFLINE=1 PRECEPTOR_TRAINER_DIR=/data
RUN pip install -c constraints.txt -e '.[trainer,s3]'
USER 10001:10001
VOLUME /data
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import os; os.kill(1, 0)"]
CMD ["preceptor", "trainer"]

FROM base AS app
RUN pip install -c constraints.txt -e '.[postgres,s3]'
COPY --from=vendor /build/static/vendor static/vendor
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", \
  "import httpx; httpx.get('http://127.0.0.1:8080/healthz', timeout=4).raise_for_status()"]
CMD ["preceptor", "web", "--host", "0.0.0.0", "--port", "8080"]
