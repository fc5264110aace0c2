# One image for every process of Parley; docker-compose.yml chooses the command. It holds no secret and no embedded server.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.txt /tmp/requirements.txt
# wheels only: the image has no compiler, and a build that needs one should say so here
RUN /venv/bin/pip install --require-hashes --only-binary=:all: -r /tmp/requirements.txt

FROM python:3.12-slim
ENV PATH="/venv/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    PARLEY_VAR=/data
RUN groupadd --system --gid 10001 parley \
    && useradd --system --uid 10001 --gid parley --no-create-home --home-dir /data --shell /usr/sbin/nologin parley \
    && install --directory --owner=parley --group=parley --mode=0700 /data /data/static
COPY --from=build /venv /venv
WORKDIR /app
# by name: whatever else lies in a checkout stays out of the image
COPY manage.py ./
COPY bus/ bus/
COPY config/ config/
COPY sessions_app/ sessions_app/
COPY static/ static/
COPY templates/ templates/
# compiled here, because the unprivileged user cannot write to /app
RUN python -m compileall -q /app
# a number: orchestrators that refuse root cannot look a name up
USER 10001:10001
EXPOSE 8000
CMD ["python", "manage.py", "help"]
