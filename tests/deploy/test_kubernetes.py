"""The Kubernetes files: valid by Kubernetes's own schemas, within its strictest rules, and of one piece."""

import re
import subprocess
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from tests.deploy.reading import DEPLOY, KNOWN_SETTINGS, document, documents
from tests.programs import find_program

KUBERNETES = DEPLOY / "kubernetes"
FILES = sorted(path for path in KUBERNETES.glob("*.yaml") if path.name != "kustomization.yaml")
VERSIONS = ["1.30", "1.37"]
"""The oldest that is promised, and the newest whose schemas there are."""


def everything() -> list[Any]:
    return [one for path in FILES for one in documents(path)]


def named(kind: str) -> Any:
    (found,) = [one for one in everything() if one["kind"] == kind]
    return found


def pods() -> dict[str, Any]:
    """What the Deployment and the Job run."""
    return {kind: named(kind)["spec"]["template"]["spec"] for kind in ("Deployment", "Job")}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_what_kubernetes_takes(path: str, version: str) -> None:
    for one in documents(KUBERNETES / path):
        kubernetes_validate.validate(one, version, strict=True)


def test_kustomize_makes_one_of_it() -> None:
    program = find_program("kubectl", "kubernetes-client")
    done = subprocess.run([program, "kustomize", KUBERNETES], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    for one in made:
        kubernetes_validate.validate(one, VERSIONS[-1], strict=True)
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "hos-receiver"
    by_kind = {one["kind"]: one for one in made}
    (container,) = by_kind["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/hos-receiver:0.1.0"
    settings = by_kind["ConfigMap"]
    assert container["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]
    assert set(settings["data"]) <= KNOWN_SETTINGS
    assert "Secret" not in by_kind


def test_every_file_has_its_part() -> None:
    taken = set(document(KUBERNETES / "kustomization.yaml")["resources"])
    assert {path.name for path in FILES if ".example." not in path.name} == taken


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_are_within_the_restricted_standard(kind: str) -> None:
    pod = pods()[kind]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    user = re.search(r"^USER (\d+):(\d+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert user is not None
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (int(user[1]), int(user[2]))
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_secrets_are_files_that_the_secret_has(kind: str) -> None:
    (container,) = pods()[kind]["containers"]
    (volume,) = [one for one in pods()[kind]["volumes"] if "secret" in one]
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == volume["name"]]
    had = named("Secret")["stringData"]
    assert {one["name"] for one in container["env"]} <= KNOWN_SETTINGS
    for one in container["env"]:
        if "value" in one:
            directory, _, key = one["value"].rpartition("/")
            assert directory == mount["mountPath"]
        else:
            key = one["valueFrom"]["secretKeyRef"]["key"]
            assert one["valueFrom"]["secretKeyRef"]["optional"] is True
        assert key in had


def test_a_stop_has_the_time_that_it_takes() -> None:
    pod = pods()["Deployment"]
    (container,) = pod["containers"]
    program, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert program == "sleep"
    assert pod["terminationGracePeriodSeconds"] > int(seconds) + 10


def test_probes_ask_for_life_and_for_readiness() -> None:
    (container,) = pods()["Deployment"]["containers"]
    asked = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert asked == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_what_selects_the_pods_finds_them() -> None:
    template = named("Deployment")["spec"]["template"]["metadata"]["labels"]
    job = named("Job")["spec"]["template"]["metadata"]["labels"]
    selector = named("Service")["spec"]["selector"]
    spread = [one["labelSelector"]["matchLabels"] for one in pods()["Deployment"]["topologySpreadConstraints"]]
    selectors = [
        selector,
        named("Deployment")["spec"]["selector"]["matchLabels"],
        named("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        *spread,
    ]
    for one in selectors:
        assert one.items() <= template.items()
        # Requests must not go to the job that migrates.
        assert not one.items() <= job.items()
