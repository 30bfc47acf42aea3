# The service on a slim base: wheels are made in the first stage, the second holds no tools to build with.

FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY imgsvc imgsvc
COPY templates templates
RUN pip install --no-cache-dir --disable-pip-version-check build==1.* && \
    python -m build --wheel --outdir /wheels && \
    pip wheel --no-cache-dir --disable-pip-version-check --constraint constraints.txt --wheel-dir /wheels /wheels/imgsvc-*.whl

FROM python:3.13-slim
# Text in an SVG is drawn with the fonts of the system; the programs bring jpegtran.
RUN apt-get update && \
    apt-get install -y --no-install-recommends fonts-dejavu-core fonts-liberation2 libjpeg-turbo-progs && \
    rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --disable-pip-version-check --no-index --find-links /wheels imgsvc && \
    useradd --system --uid 10001 --create-home --shell /usr/sbin/nologin imgsvc && \
    install -d -o imgsvc -g imgsvc -m 0700 /data

USER imgsvc
WORKDIR /data
ENV IMGSVC_INSTANCE=/data IMGSVC_HOST=0.0.0.0 IMGSVC_PORT=8000 PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['IMGSVC_PORT']}/health\", timeout=4)"]
ENTRYPOINT ["imgsvc"]
CMD ["serve"]
