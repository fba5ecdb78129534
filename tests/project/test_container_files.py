"""
What the container files say, held against their schemas and against the rest of the project, without an engine.

tests/project/test_containers.py runs them.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from compose_project import DEFAULTS, ROOT, own_environment
from needs import compose_command
from patience import TIMEOUT_S
from promtool import needs_promtool, promtool

from conf.environment import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPOSE_FILES = [
    "docker-compose.yml",
    "docker-compose.own.yml",
    "deploy/compose/suite.yml",
    "deploy/compose/secret-files.yml",
]
KUBERNETES = ROOT / "deploy" / "kubernetes"
MANIFESTS = sorted(path for path in KUBERNETES.glob("*.yaml") if path.name != "kustomization.yaml")
WORKFLOWS = sorted(str(path) for path in (ROOT / ".github" / "workflows").glob("*.yml"))
LOCUSTS_OWN = {"LOCUST_JOURNEY", "LOCUST_EXPECT_WORKERS"}
LOGIN = {"LOADTEST_WEB_USER", "LOADTEST_WEB_PASSWORD"}
WORKER_SECRET = "LOADTEST_WORKER_SECRET"  # noqa: S105 - the name of a variable
KNOWN = {*ENVIRONMENT, *LOCUSTS_OWN, *LOGIN, WORKER_SECRET, "LOADTEST_CONFIG"}


def parsed(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def services(name: str) -> dict[str, Any]:
    """As compose sees them: what a service extends is laid under it, one key deep."""
    found = parsed(name)["services"]
    for service, said in found.items():
        if base := said.get("extends"):
            under = parsed(base["file"])["services"][base["service"]]
            merged = under | said
            merged["environment"] = under.get("environment", {}) | said.get("environment", {})
            merged["volumes"] = [
                *(mount.replace("../../", "./") for mount in under.get("volumes", [])),
                *said.get("volumes", []),
            ]
            found[service] = merged
    return found


STACK, OWN = services("docker-compose.yml"), services("docker-compose.own.yml")
EVERY_SERVICE = [pytest.param(said, id=f"{name}") for name, said in [*STACK.items(), *OWN.items()]]


def resources(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


RESOURCES = {
    (found["kind"], found["metadata"]["name"]): found for path in MANIFESTS for found in resources(path)
}


# --- schemas


@pytest.mark.parametrize(("schema", "files"), [
    pytest.param("vendor.compose-spec", COMPOSE_FILES, id="compose"),
    pytest.param("vendor.github-workflows", WORKFLOWS, id="workflows"),
])  # fmt: skip
def test_files_are_what_their_schema_allows(schema: str, files: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_what_the_schema_of_kubernetes_allows(path: Path) -> None:
    for found in resources(path):
        kubernetes_validate.validate(found, "1.34", strict=True)


def test_the_schema_checker_would_see_a_misspelt_key() -> None:
    wrong = resources(KUBERNETES / "worker.yaml")[0]
    wrong["spec"]["template"]["spec"]["containers"][0]["resource"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.34", strict=True)


def compose_config(env_file: Path, *files: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """What compose makes of the files, with this .env; it needs no engine for it."""
    named = [word for file in files for word in ("--file", file)]
    profiles = ["--profile", "ci", "--profile", "monitoring", "--profile", "seed"]
    return subprocess.run(
        [*compose_command(), "--env-file", str(env_file), *named, *profiles, "config"],
        cwd=ROOT, env=own_environment() | environ, capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip


@pytest.mark.requires("compose")
@pytest.mark.parametrize(("files", "environ", "refusal"), [
    pytest.param(["docker-compose.yml"], {}, "make secrets", id="no secret"),
    pytest.param(["docker-compose.yml"], {"SESSION_SECRET": "x"}, "", id="a secret"),
    pytest.param(["docker-compose.own.yml"], {"SESSION_SECRET": "x"}, "Name your portal", id="no portal"),
    pytest.param(
        ["docker-compose.own.yml"], {"SESSION_SECRET": "x", "LOADTEST_TARGET": "https://a.example"}, "", id="own portal"
    ),
    pytest.param(
        ["docker-compose.yml", "deploy/compose/secret-files.yml"],
        {"SESSION_SECRET": ""}, "Name the file", id="no file",
    ),
    pytest.param(
        ["docker-compose.yml", "deploy/compose/secret-files.yml"],
        {"SESSION_SECRET": "", "SESSION_SECRET_FILE": "./README.md"}, "", id="a file",
    ),
])  # fmt: skip
def test_compose_takes_the_files_or_says_in_a_sentence_what_is_missing(
    files: list[str], environ: dict[str, str], refusal: str, tmp_path: Path
) -> None:
    (tmp_path / "env").touch()
    done = compose_config(tmp_path / "env", *files, **environ)
    assert (done.returncode == 0) == (not refusal), done.stderr
    assert refusal in done.stderr


# --- facts


@pytest.mark.parametrize("said", EVERY_SERVICE)
def test_every_service_runs_without_rights_and_publishes_on_the_loopback_alone(said: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z]+|\$\{LOADTEST_UID:-1000\}:\$\{LOADTEST_GID:-1000\}", said["user"])
    assert said["user"] != "root"
    assert said["cap_drop"] == ["ALL"]
    assert said["security_opt"] == ["no-new-privileges:true"]
    assert [port for port in said.get("ports", []) if not port.startswith("127.0.0.1:")] == []
    assert "privileged" not in said


def test_no_container_file_holds_a_secret() -> None:
    for name in [*COMPOSE_FILES, *(str(path.relative_to(ROOT)) for path in MANIFESTS), "Dockerfile"]:
        text = (ROOT / name).read_text()
        assert (
            re.findall(r"(?i)(?:secret|password)\w*[:=] *[\"']?[A-Za-z0-9+=]{8,}[\"']?$", text, re.MULTILINE)
            == []
        ), name
        assert re.findall(r"://\w+:(?!\$\$)\w+@", text) == [], name
    for said in [*STACK.values(), *OWN.values()]:
        secret = said.get("environment", {}).get("SESSION_SECRET", "")
        assert secret == "" or secret.startswith("${SESSION_SECRET?")
    assert ("Secret", "openhouse-loadtest") not in RESOURCES


def test_workers_have_neither_the_signing_key_nor_the_fixture() -> None:
    for said in (STACK["worker"], OWN["worker"]):
        assert not {"SESSION_SECRET", "LOADTEST_WEB_PASSWORD"} & said["environment"].keys()
        mounts = {mount.split(":")[1] for mount in said["volumes"]}
        assert not mounts & {"/app/houses", "/app/data"}
    text = (KUBERNETES / "worker.yaml").read_text()
    assert "SESSION_SECRET" not in text
    assert "/app/data" not in text


def test_masters_and_workers_and_no_other_service_know_what_they_prove_to_each_other() -> None:
    for stack in (STACK, OWN):
        knowing = {name for name, said in stack.items() if WORKER_SECRET in said.get("environment", {})}
        assert knowing == {"master", "headless", "worker"}
        for name in knowing:
            assert stack[name]["environment"][WORKER_SECRET] == f"${{{WORKER_SECRET}:-}}"
            command = stack[name]["command"]
            listens = "--master" in command
            assert not listens or command[command.index("--master-bind-host") + 1] == "0.0.0.0"  # noqa: S104 - in its network
    files = parsed("deploy/compose/secret-files.yml")["services"]
    assert {name for name, said in files.items() if "worker_secret" in said["secrets"]} == {
        "master",
        "headless",
        "worker",
    }
    knowing = {name for name, template in pods() if f"{WORKER_SECRET}_FILE" in str(template)}
    assert knowing == {f"openhouse-loadtest-{name}" for name in ("master", "run", "worker")}
    for name, template in pods():
        (container,) = template["spec"]["containers"]
        assert ("--master" in container["command"]) == ("--master-bind-host" in container["command"]), name


def test_make_secrets_writes_all_of_them_once_and_adds_the_workers_to_a_file_of_before(
    tmp_path: Path,
) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)

    def secrets() -> dict[str, str]:
        subprocess.run(["make", "secrets"], cwd=tmp_path, check=True, capture_output=True, timeout=TIMEOUT_S)
        lines = (tmp_path / ".env").read_text().splitlines()
        assert len(lines) == len({line.partition("=")[0] for line in lines})
        return dict(line.split("=", 1) for line in lines)

    first = secrets()
    for name in ("SESSION_SECRET", "LOADTEST_WEB_PASSWORD", WORKER_SECRET):
        assert re.fullmatch(r"[0-9a-f]{64}", first[name])
    assert secrets() == first
    kept = [
        line for line in (tmp_path / ".env").read_text().splitlines() if not line.startswith(WORKER_SECRET)
    ]
    (tmp_path / ".env").write_text("\n".join(kept) + "\n")
    added = secrets()
    assert added.keys() == first.keys()
    assert added | {WORKER_SECRET: ""} == first | {WORKER_SECRET: ""}


@pytest.mark.parametrize("said", EVERY_SERVICE)
def test_every_path_of_the_checkout_that_is_mounted_is_there_or_made_by_make_secrets(
    said: dict[str, Any],
) -> None:
    made = {"./runs", "./logs", "./data"}
    paths = {mount.split(":")[0] for mount in said["volumes"] if mount.startswith(".")}
    assert [path for path in paths - made if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("said", EVERY_SERVICE)
def test_every_variable_that_is_set_is_one_that_the_suite_reads(said: dict[str, Any]) -> None:
    ours = {
        name.removesuffix("_FILE")
        for name in said.get("environment", {})
        if name.startswith(("LOADTEST_", "LOCUST_", "SESSION", "DATABASE"))
    }
    assert ours <= KNOWN


def test_services_that_wait_for_each_other_are_there() -> None:
    for stack in (STACK, OWN):
        waited = {name for said in stack.values() for name in said.get("depends_on", [])}
        assert waited <= stack.keys()
    assert "depends_on" not in str(parsed("deploy/compose/suite.yml")), "Compose 1 extends no such service"


def test_the_images_are_those_that_the_tests_know() -> None:
    text = "".join((ROOT / name).read_text() for name in COMPOSE_FILES)
    named = dict(re.findall(r"\$\{(\w+_IMAGE):-([^}]+)\}", text))
    assert named.items() >= DEFAULTS.items()
    assert f"ARG PYTHON_IMAGE={DEFAULTS['PYTHON_IMAGE']}" in (ROOT / "Dockerfile").read_text()
    assert "latest" not in "".join(named.values())


def test_the_image_is_made_of_what_is_locked_and_of_the_rooms_of_the_house() -> None:
    dockerfile, ignored = (ROOT / "Dockerfile").read_text(), (ROOT / ".dockerignore").read_text()
    installs = re.findall(r"pip install (.+)", dockerfile)
    assert [words for words in installs if "--require-hashes" not in words and "--no-deps" not in words] == []
    assert "requirements/dev.txt" not in dockerfile
    taken = set(re.findall(r"^!(\w[\w.]*)$", ignored, re.MULTILINE))
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert taken == rooms | {"requirements", "pyproject.toml", "README.md"}
    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    assert "HEALTHCHECK" in dockerfile


def jobs(name: str) -> dict[str, Any]:
    return {job["job_name"]: job for job in parsed(f"conf/prometheus/{name}")["scrape_configs"]}


def test_prometheus_in_containers_has_the_same_jobs_at_the_addresses_of_the_services() -> None:
    here, there = jobs("prometheus.yml"), jobs("compose.yml")
    assert here.keys() == there.keys()
    for name, job in there.items():
        assert job.get("scrape_interval") == here[name].get("scrape_interval")
    targets = {name: job["static_configs"][0]["targets"] for name, job in there.items()}
    port = STACK["master"]["environment"]["LOADTEST_METRICS_PORT"]
    assert targets == {"loadtest": [f"owner:{port}"], "portal": ["portal:5000"]}
    for owner in ("master", "headless"):
        assert STACK[owner]["networks"]["default"]["aliases"] == ["owner"]
    assert "owner" in STACK["worker"]["command"]
    assert parsed("conf/prometheus/compose.yml")["rule_files"] == ["rules.yml"]


@needs_promtool
def test_promtool_takes_prometheus_configuration() -> None:
    assert "rules" in promtool("check", "config", str(ROOT / "conf/prometheus/compose.yml"))


def test_grafana_is_given_the_places_where_its_provisioning_looks_and_finds_prometheus() -> None:
    mounts = {mount.split(":")[1]: mount.split(":")[0] for mount in STACK["grafana"]["volumes"]}
    (provider,) = parsed("conf/grafana/provisioning/dashboards/openhouse.yml")["providers"]
    assert mounts[provider["options"]["path"]] == "./conf/grafana/dashboards"
    assert mounts["/etc/grafana/provisioning"] == "./conf/grafana/provisioning"
    (source,) = parsed("conf/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    home = STACK["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "conf/grafana/dashboards" / Path(home).name).exists()


# --- documentation


def documented() -> list[list[str]]:
    """Every command about containers that a page has, without the variables before it."""
    lines = [
        line
        for page in (ROOT / "README.md", ROOT / "docs" / "containers.md")
        for block in re.findall(r"^```bash\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        for line in block.replace("\\\n", " ").splitlines()
    ]
    found = [shlex.split(re.sub(r"^(\w+=\S* +)+", "", line.strip()), comments=True) for line in lines]
    return [words for words in found if words and words[0] in {"docker", "kubectl"}]


def test_every_command_about_containers_names_services_profiles_and_files_that_are_there() -> None:
    commands = documented()
    assert len(commands) > 12
    for words in commands:
        files = [after for before, after in pairwise(words) if before in {"-f", "-k"}]
        assert [name for name in files if not (ROOT / name).exists()] == []
        if words[:2] != ["docker", "compose"]:
            continue
        known = OWN if "docker-compose.own.yml" in files else STACK
        profiles = {after for before, after in pairwise(words) if before == "--profile"}
        assert profiles <= {name for said in known.values() for name in said.get("profiles", [])}
        named = {after for before, after in pairwise(words) if before == "--exit-code-from"}
        named |= {word for word in words[2:] if word in {*STACK, *OWN}} - profiles
        assert named <= known.keys(), words
        own_profiles = {name for service in named for name in known[service].get("profiles", [])}
        assert own_profiles <= profiles, "Compose 1 finds no service of a profile that is not named"


def test_every_variable_of_the_compose_files_is_documented() -> None:
    used = {name for file in COMPOSE_FILES for name in re.findall(r"\$\{(\w+)", (ROOT / file).read_text())}
    page = (ROOT / "docs" / "containers.md").read_text()
    assert [name for name in sorted(used) if f"`{name}`" not in page and f"{name}=" not in page] == []


# --- Kubernetes


def pods() -> Iterator[tuple[str, Any]]:
    for (kind, name), found in RESOURCES.items():
        if kind in {"Deployment", "Job"}:
            yield name, found["spec"]["template"]


@pytest.mark.parametrize(("name", "template"), list(pods()), ids=[name for name, _ in pods()])
def test_every_pod_runs_without_rights_within_bounds_and_takes_secrets_from_files(
    name: str, template: Any
) -> None:
    spec = template["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"].keys() == {"requests", "limits"}
    files = {variable["name"] for variable in container["env"] if variable["name"].endswith("_FILE")}
    (secret,) = [volume["secret"] for volume in spec["volumes"] if "secret" in volume]
    assert {f"{item['key']}_FILE" for item in secret["items"]} == files
    assert {variable["name"].removesuffix("_FILE") for variable in container["env"]} <= KNOWN
    volumes = {volume["name"] for volume in spec["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    probes = [probe["exec"]["command"] for key, probe in container.items() if key.endswith("Probe")]
    assert probes == [["python3", "-I", "-m", "monitoring.probing.container_health"]] * len(probes)
    assert probes or "seed" in name


def test_what_the_manifests_name_is_there() -> None:
    settings = RESOURCES["ConfigMap", "openhouse-loadtest"]["data"]
    assert settings.keys() <= KNOWN
    assert settings["LOADTEST_PROFILE"] == settings["LOADTEST_CONTRACT"] == "phase17"
    service = RESOURCES["Service", "openhouse-loadtest-master"]
    labels = RESOURCES["Deployment", "openhouse-loadtest-master"]["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == labels
    worker = RESOURCES["Deployment", "openhouse-loadtest-worker"]["spec"]["template"]["spec"]
    assert service["metadata"]["name"] in worker["containers"][0]["command"]
    listed = set(parsed("deploy/kubernetes/kustomization.yaml")["resources"])
    assert listed == {path.name for path in MANIFESTS} - {"run.yaml"}
