"""What docker-compose.yml, Dockerfile and nginx.conf promise, checked without Docker, and by Compose where it is."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class
from granian.cli import cli as granian

from config import env

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
APPLICATION = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
NGINX = re.sub(r"#.*", "", (ROOT / "deploy" / "nginx.conf").read_text())
REQUIRED = {"SECRET_KEY": "x" * 50, "POSTGRES_PASSWORD": "x"}


def compose_is_installed() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0


def locations() -> dict[str, str]:
    """The body of each proxy location by its name, with `if` blocks flattened."""
    flat = re.sub(r"if \(.*?\) \{(.*?)\}", r"\1", NGINX, flags=re.DOTALL)
    return dict(re.findall(r"location (?:~ )?(\S+) \{(.*?)\}\s", flat, flags=re.DOTALL))


def test_compose_accepts_the_file() -> None:
    if compose_is_installed():
        command = ["docker", "compose", "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"]
        done = subprocess.run(command, env=os.environ | REQUIRED, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert set(COMPOSE) <= {"name", "services", "volumes", "networks"} | {key for key in COMPOSE if key[:2] == "x-"}
    assert set(SERVICES) == {"postgres", "redis", "migrate", "api", "live", "worker", "proxy"}
    assert set(APPLICATION) == {"migrate", "api", "live", "worker"}


def test_services_wait_only_for_what_can_come() -> None:
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            assert other in SERVICES, name
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for ever for {other}"
            if wait["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"] == "no", f"{other} never completes"


def test_every_volume_is_declared_or_in_the_checkout() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"], name
    assert "postgres:/var/lib/postgresql" in SERVICES["postgres"]["volumes"]


def test_any_number_of_each_process_can_run() -> None:
    for name in APPLICATION:
        assert not {"container_name", "hostname", "ports"} & set(SERVICES[name]), name


def test_processes_get_documented_variables_and_none_that_is_empty() -> None:
    assert settings.configured
    documented = {variable.name for variable in env.VARIABLES}
    for name, service in APPLICATION.items():
        assert set(service["environment"]) <= documented, name
        assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL", "ALLOWED_HOSTS"} <= set(service["environment"])
        for variable, value in service["environment"].items():
            assert value is None or (value and not value.endswith(":-}")), f"an empty {variable} is not an unset one"


def test_no_secret_is_written_down() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|TOKEN|KEY", variable) and value is not None:  # none: passed on from .env
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{variable} of {name}"
            for password in re.findall(r"://[^:/@]*:(.+)@", value or ""):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", password), f"{variable} of {name}"
    assert not re.search("SECRET|PASSWORD|TOKEN", DOCKERFILE)


@pytest.mark.parametrize("name", ["migrate", "live", "worker"])
def test_management_commands_exist_with_their_options(name: str) -> None:
    python, manage, command, *options = SERVICES[name]["command"]
    assert (python, manage) == ("python", "manage.py")
    parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
    parser.parse_args(options)


def test_granian_takes_its_options_and_finds_the_application() -> None:
    program, *options = SERVICES["api"]["command"]
    assert program == "granian"
    parameters = granian.make_context(program, list(options)).params
    assert parameters["app"].replace(":", ".") == settings.WSGI_APPLICATION
    assert importlib.util.find_spec(parameters["app"].split(":")[0]) is not None
    pool = next(variable.default for variable in env.VARIABLES if variable.name == "DATABASE_POOL")
    assert parameters["blocking_threads"] <= int(pool), "threads would wait for database connections"


def test_images_have_at_least_a_major_version() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)
    for image in [*bases, *(service["image"] for service in SERVICES.values())]:
        assert re.search(r":[a-z]*\d", image), image


def test_the_image_holds_the_whole_application_and_nothing_else() -> None:
    copied = {source.rstrip("/") for source in re.findall(r"^COPY ([^-\s]\S*) ", DOCKERFILE, flags=re.MULTILINE)}
    admitted = {line[1:].strip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert copied == admitted
    assert {app for app in settings.INSTALLED_APPS if (ROOT / app).is_dir()} <= copied
    assert all((ROOT / source).exists() for source in copied)
    assert "requirements-embedded" not in DOCKERFILE
    assert re.findall(r"^USER (\S+)", DOCKERFILE, flags=re.MULTILINE)[-1].split(":")[0] not in ("root", "0")


class Readiness(BaseHTTPRequestHandler):
    """Ready for those who ask by the right name."""

    def do_GET(self) -> None:
        self.send_response(200 if (self.path, self.headers["Host"]) == ("/readyz", "parley.example.org") else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Readiness) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("variables", "healthy"),
    [
        ({"PUBLIC_URL": "https://parley.example.org:8443"}, True),
        ({"PUBLIC_URL": "https://example.org", "ALLOWED_HOSTS": ".parley.example.org, example.org"}, True),
        ({"PUBLIC_URL": "https://example.org"}, False),
    ],
)
def test_the_probe_asks_by_an_allowed_name(port: int, variables: dict[str, str], healthy: bool) -> None:
    assert SERVICES["api"]["healthcheck"] == SERVICES["live"]["healthcheck"]
    *_, program = SERVICES["api"]["healthcheck"]["test"]
    command = [sys.executable, "-c", program.replace("127.0.0.1:8000", f"127.0.0.1:{port}")]
    proxied = {"http_proxy": "http://127.0.0.1:1"}
    done = subprocess.run(command, env=variables | proxied, capture_output=True, check=False)
    assert (done.returncode == 0) is healthy, done.stderr


def test_the_proxy_is_well_formed_and_leads_to_the_services() -> None:
    depth = 0
    for sign in re.sub(r"'[^']*'|\"[^\"]*\"|\$\{\w+\}", "", NGINX):
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0
    upstreams = dict(re.findall(r"upstream (\w+) \{.*?server (\w+:\d+) resolve", NGINX, flags=re.DOTALL))
    assert upstreams == {"api": "api:8000", "live": "live:8000"}
    assert set(re.findall(r"proxy_pass http://([^;]+);", NGINX)) == set(upstreams) <= set(SERVICES)


def test_the_proxy_sends_sockets_and_streams_to_live_without_buffering() -> None:
    places = locations()
    assert "proxy_pass http://api;" in places["/"]
    assert "text/event-stream" in NGINX
    assert "return 418;" in places["/"]
    assert "error_page 418 = @live;" in NGINX
    answers = "^/api/v1/(sessions/[0-9a-f-]+/runs|runs/[0-9a-f-]+/stream)/$"
    for name in ("/ws/", "/openai/", answers, "@live"):
        assert "proxy_pass http://live;" in places[name], name
        assert "proxy_buffering off;" in places[name], name


def test_the_proxy_does_not_believe_its_clients() -> None:
    headers = dict(re.findall(r"proxy_set_header (\S+) ([^;]+);", NGINX))
    assert headers["X-Forwarded-For"] == "$remote_addr"
    assert headers["X-Forwarded-Proto"] == "$scheme"
    assert not any("proxy_set_header" in body for body in locations().values()), "it would drop all inherited ones"
    body_limit = next(variable.default for variable in env.VARIABLES if variable.name == "BODY_LIMIT")
    assert f"client_max_body_size {int(body_limit) // 2**20}m;" in NGINX
    upload_limit = next(variable.default for variable in env.VARIABLES if variable.name == "ARTIFACT_MAX_BYTES")
    assert f"client_max_body_size {int(upload_limit) // 2**20 + 1}m;" in NGINX
