"""A workflow on a real Slurm: what it makes is what one machine makes."""

from conftest import TARGETS, contents


def test_a_cluster_makes_what_one_machine_makes(local, configured, on_cluster, cluster):
    project = on_cluster(configured)
    printed = project.finish(project.start(*TARGETS, "--set-resources", "score_shard:gpu=1", "plan_scoring:gpu=1"))
    assert contents(project) == contents(local)
    shards = [job for job in cluster.jobs() if job.get("Comment", "").startswith("rule_score_shard")]
    assert {job["NodeList"] for job in shards} == {"n1"}  # which has the GPU
    assert all(job["TresPerJob"] == "gres:gpu:1" for job in shards)
    assert any("ArrayTaskId" in job for job in shards)
    assert "Submitted array job" in printed
