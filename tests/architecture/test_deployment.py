"""The container files parse, nobody is root, everybody has a health check, secrets are files, pins agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVICES = COMPOSE["services"]


def test_the_services_are_all_there() -> None:
    assert set(SERVICES) == {"postgres", "migrate", "web", "worker", "trainer"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_not_root_and_gains_no_privilege(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] not in ("", "root", "0", "0:0")
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate"}))
def test_a_service_that_stays_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_secrets_come_as_files() -> None:
    assert all("file" in secret for secret in COMPOSE["secrets"].values())
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|SECRET|TOKEN", name) or name.endswith("_FILE"), f"{name}={value}"


def test_the_trainer_sees_neither_database_nor_secret_key() -> None:
    trainer = SERVICES["trainer"]
    assert trainer["secrets"] == ["worker_token"]
    assert not any("DATABASE" in name for name in trainer["environment"])


def test_what_a_service_waits_for_exists() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_the_image_ends_as_an_ordinary_user_with_a_health_check() -> None:
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    for stage in stages:
        if "CMD" in stage and " AS vendor" not in stage:
            assert "USER 10001" in stage and "HEALTHCHECK" in stage


def test_every_dependency_is_pinned_exactly() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *(one for extra in extras.values() for one in extra)]
    assert [one for one in wanted if "==" not in one] == []


@pytest.mark.parametrize("extra", ["trainer", "dev"])
def test_an_extra_that_pulls_torch_carries_the_pin(extra: str) -> None:
    assert "torch==2.13.0" in PROJECT["optional-dependencies"][extra]


def test_the_application_installs_without_torch() -> None:
    assert not any(one.startswith(("torch", "transformers", "peft")) for one in PROJECT["dependencies"])


def test_constraints_agree_with_pins() -> None:
    """constraints.txt (make lock) holds the versions that pyproject.toml names, and those of what they need."""
    locked = dict(
        line.lower().replace("_", "-").split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line
    )
    pins = [*PROJECT["dependencies"], *(pin for extra in PROJECT["optional-dependencies"].values() for pin in extra)]
    for pin in pins:
        name, _, version = re.split(r"[;\s]", pin)[0].partition("==")
        name = name.partition("[")[0].lower().replace("_", "-")
        assert locked.get(name, version) == version, pin
    assert len(locked) > len(pins)
