"""The recipes of the page on clusters, as far as they can be tried without one."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from torchesegeta.config import ExecutionConfig
from torchesegeta.executors import RayExecutor

PAGE = (Path(__file__).parents[2] / "docs/clusters.md").read_text(encoding="utf-8")
TOOL = '#!/bin/bash\necho "$(basename "$0") $* [$RAY_ADDRESS $RAY_AUTH_MODE ${#RAY_AUTH_TOKEN}]" >> "$CALLS"\n'
HEALTH = f'{TOOL}[ "$1" != status ] || [ "$(grep -c status "$CALLS")" -gt 2 ]\n'


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_the_settings_are_settings() -> None:
    found = [json.loads(f"{{{block}}}")["execution"] for block in blocks("json")]
    assert [ExecutionConfig.model_validate(value).executor.kind for value in found] == ["ray"] * 3
    inline = re.findall(r'`"executor": (\{.*?\})`', PAGE, flags=re.DOTALL)
    assert [RayExecutor.model_validate_json(text).workers for text in inline] == [4]


@pytest.mark.parametrize(("nodes", "joining"), [(4, True), (1, False)])
def test_the_slurm_script_starts_a_cluster_and_runs(tmp_path: Path, nodes: int, joining: bool) -> None:
    tools = tmp_path / "venv/bin"
    tools.mkdir(parents=True)
    for name in ("srun", "esegeta", "ray"):
        (tools / name).write_text(HEALTH if name == "ray" else TOOL)
        (tools / name).chmod(0o755)
    (tools / "sleep").symlink_to("/bin/true")
    (tools / "activate").write_text(f'export PATH="{tools}:$PATH"\n')
    (tmp_path / "slurm.sh").write_text(blocks("bash")[0])
    slurm = {"SLURM_JOB_ID": "54321", "SLURM_CPUS_PER_TASK": "8", "SLURM_GPUS_ON_NODE": "2"}
    calls = tmp_path / "calls"
    environment = {**os.environ, **slurm, "SLURM_JOB_NUM_NODES": str(nodes), "HOME": str(tmp_path), "CALLS": str(calls)}
    script = ["bash", str(tmp_path / "slurm.sh"), "config.json"]
    subprocess.run(script, env=environment, check=True, timeout=20)
    lines = calls.read_text().splitlines()
    host = os.uname().nodename
    assert all(line.endswith(f" [{host}:24321 token 64]") for line in lines)
    starts = [line for line in lines if line.startswith("srun")]
    assert len(starts) == 1 + joining
    own = "--num-cpus=8 --num-gpus=2 --disable-usage-stats --block"
    assert f"--nodelist={host} --overlap ray start --head --port=24321 --temp-dir=/tmp/ray-54321 {own}" in starts[0]
    if joining:
        assert f"--nodes=3 --ntasks=3 --exclude={host} --overlap ray start --address={host}:24321 {own}" in starts[1]
    assert lines[-1].startswith("esegeta run config.json") or lines[-2].startswith("esegeta run config.json")


def test_the_job_for_kubernetes_is_whole() -> None:
    yaml = pytest.importorskip("yaml")
    job: Any = yaml.safe_load(blocks("yaml")[0])
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    images = set()
    for pod in (group["template"]["spec"] for group in groups):
        (container,) = pod["containers"]
        images.add(container["image"])
        assert container["resources"]["requests"] == container["resources"]["limits"]
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounted == {"project": "/project"} and [volume["name"] for volume in pod["volumes"]] == ["project"]
    assert len(images) == 1 and job["spec"]["entrypoint"].endswith(" /project/config.json")
