# One image for web, worker and beat; compose.yaml and the Procfile choose the command.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements/run.txt requirements/uv.txt requirements/
RUN python -m venv /opt/installer && /opt/installer/bin/pip install --no-cache-dir --require-hashes -r requirements/uv.txt \
 && python -m venv --without-pip /opt/intake \
 && /opt/installer/bin/uv pip install --python /opt/intake/bin/python --no-cache --compile-bytecode \
    --require-hashes --no-deps -r requirements/run.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --user-group --home-dir /srv/intake --shell /usr/sbin/nologin intake \
 && install -d -o intake -g intake -m 0700 /var/lib/intake
COPY --from=build /opt/intake /opt/intake
WORKDIR /srv/intake
COPY config.py ./
COPY intake intake
COPY workers workers
COPY templates templates
COPY migrations migrations
RUN /opt/intake/bin/python -m compileall -q config.py intake workers migrations
ENV PATH=/opt/intake/bin:$PATH PYTHONUNBUFFERED=1 INTAKE_ENV=production INTAKE_DATA=/var/lib/intake
USER 10001
VOLUME /var/lib/intake
EXPOSE 8000
STOPSIGNAL SIGTERM
# The process answers; /readyz also asks the database, the broker and the oldest message that is due.
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-m", "workers.probe"]
CMD ["granian", "workers.web:app", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "32", "--backpressure", "256", "--no-ws", "--respawn-failed-workers", "--workers-kill-timeout", "10"]
