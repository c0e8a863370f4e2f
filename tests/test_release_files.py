"""The files that make a release: the workflow and the image name what exists, and start commands that elman has."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from .commands import every_command
from .scripts import load_script

ROOT = Path(__file__).parent.parent
RELEASE = ".github/workflows/release.yml"


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def pyproject() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


def release_jobs() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    jobs: dict[str, Any] = yaml.safe_load(read(RELEASE))["jobs"]
    return jobs


def instructions(name: str) -> list[str]:
    """The values of an instruction of the Dockerfile, with their lines joined."""
    joined = re.sub(r"\\\n\s*", "", read("Dockerfile"))
    return re.findall(rf"^(?:HEALTHCHECK .*)?\b{name} (.*)$", joined, re.MULTILINE)


def test_the_published_files_come_from_jobs_that_have_tested_them() -> None:
    jobs = release_jobs()
    assert set(jobs["publish"]["needs"]) == set(jobs) - {"publish"}
    assert jobs["publish"]["permissions"] == {"id-token": "write"}  # trusted publishing: no password
    assert jobs["publish"]["if"] == "github.event_name == 'push'"  # of a tag: nothing else starts this workflow


def test_only_the_job_that_publishes_may_do_more_than_read() -> None:
    assert [name for name, job in release_jobs().items() if "permissions" in job] == ["publish"]


def test_every_script_that_the_release_runs_exists() -> None:
    commands = [step["run"] for job in release_jobs().values() for step in job["steps"] if "run" in step]
    commands.append(pyproject()["tool"]["cibuildwheel"]["test-command"].replace("{project}/", ""))
    scripts = [word for command in commands for word in command.split() if word.endswith(".py")]
    assert len(scripts) == 2
    assert all((ROOT / script).is_file() for script in scripts)


def test_wheels_are_built_for_the_oldest_python_and_for_the_stable_interface() -> None:
    tools = pyproject()["tool"]
    oldest = "cp" + pyproject()["project"]["requires-python"].removeprefix(">=").replace(".", "")
    assert tools["cibuildwheel"]["build"][:2] == [f"{oldest}-*", f"{tools['scikit-build']['wheel']['py-api']}-*"]


def test_an_installation_is_checked_against_the_equations(capsys: pytest.CaptureFixture[str]) -> None:
    from elman import kernels

    script = load_script(ROOT / "tests" / "installed" / "predict.py")
    script.check(expects_kernels=kernels.available())
    assert "4 predictions are right" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="kernels: "):
        script.check(expects_kernels=not kernels.available())


def test_the_image_starts_a_command_with_options_that_exist() -> None:
    (entry,), command = instructions("ENTRYPOINT"), json.loads(instructions("CMD")[-1])
    assert json.loads(entry)[1:] == ["-m", "elman"]
    parameters = {
        option for words, found in every_command() if words == command[:1] for p in found.params for option in p.opts
    }
    options = [word for word in command if word.startswith("-")]
    assert options
    assert set(options) <= parameters


def test_the_health_check_asks_the_address_that_the_image_serves() -> None:
    health, command = (json.loads(value) for value in instructions("CMD"))
    port = command[command.index("--port") + 1]
    assert instructions("EXPOSE") == [port]
    code = health[health.index("-c") + 1]
    ast.parse(code)
    assert f"http://127.0.0.1:{port}/healthz" in code


def test_the_image_runs_the_python_it_installs_for_a_user_without_rights() -> None:
    python = json.loads(instructions("ENTRYPOINT")[0])[0]
    version = Path(python).name
    assert python == json.loads(instructions("CMD")[0])[0]
    assert f"{version}-minimal" in read("Dockerfile")
    assert f"/image/usr/local/lib/{version}/dist-packages" in read("Dockerfile")
    user, group = instructions("USER")[-1].split(":")
    assert f"elman:x:{user}:{group}:" in read("Dockerfile")
    assert user != "0"


def test_the_image_is_built_from_what_the_build_reads_and_nothing_else() -> None:
    lines = [line for line in read(".dockerignore").splitlines() if line and not line.startswith("#")]
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert lines[0] == "*"
    project = pyproject()["project"]
    read_files = {"CMakeLists.txt", "constraints.txt", "pyproject.toml", project["readme"], *project["license-files"]}
    assert {name.split("/")[0] for name in read_files} == sent
    assert all((ROOT / name).exists() for name in sent)
    kernels = "src/elman/kernels/_native.cpython-311-x86_64-linux-gnu.so"
    assert any(fnmatchcase(kernels, line) for line in lines[1:])  # they are compiled in the image
