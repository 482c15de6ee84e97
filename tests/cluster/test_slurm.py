"""Faults on a real Slurm: what the workflow makes is what one machine makes, whatever happens to its jobs meanwhile.

Jobs are caught in the act: the script of one is stopped, so that it is certainly running when its fault comes.
"""

import re

import pytest
from conftest import SHARD_FILES, WIDE_SHARD, contents

LAST = SHARD_FILES[-1]


def test_a_job_over_its_memory_is_tried_again_with_twice_as_much(local, without):
    project = without(WIDE_SHARD)
    project.start(WIDE_SHARD)
    project.finish()
    assert contents(project) == contents(local)
    first, second = project.jobs("score_shard")
    assert megabytes(second) == 2 * megabytes(first)
    assert first["JobState"] != "COMPLETED" == second["JobState"]


def test_a_job_that_is_tried_again_gets_its_memory_beside_new_jobs_of_the_same_rule(local, without):
    """A shard fails while others may not be handed over yet; the last one and the failed one then go together."""
    project = without(WIDE_SHARD, *SHARD_FILES)
    first_two = ("--max-jobs-per-timespan", "2/100s", "--prioritize", WIDE_SHARD, SHARD_FILES[0], "--")
    project.start(*first_two, WIDE_SHARD, *SHARD_FILES)
    project.finish()
    assert contents(project) == contents(local)
    *first, some, other = project.jobs("score_shard")
    assert [job["JobState"] for job in (some, other)] == ["COMPLETED", "COMPLETED"]
    (failed,) = (job for job in first if job["JobState"] == "FAILED")
    small, doubled = sorted(map(megabytes, (some, other)))
    assert doubled == 2 * megabytes(failed) > small


def megabytes(job: dict[str, str]) -> int:
    """The memory that a job asked for."""
    size = job["MinMemoryNode"]
    return round(float(size[:-1]) * {"M": 1, "G": 1024}[size[-1]])


def test_a_job_over_its_time_is_tried_again_with_twice_as_much(local, without):
    project = without(LAST)
    project.start(LAST)
    held = project.hold("score_shard")
    (asked,) = (job["TimeLimit"] for job in project.jobs("score_shard"))
    project.cluster.command("scontrol", "update", f"JobId={held.job}", "TimeLimit=00:01:00")  # rather than wait for it
    project.finish()
    assert contents(project) == contents(local)
    first, second = project.jobs("score_shard")
    assert (asked, second["TimeLimit"]) == ("02:00:00", "04:00:00")
    assert (first["JobState"], second["JobState"]) == ("TIMEOUT", "COMPLETED")


def test_a_cancelled_job_is_tried_again_and_the_others_are_left_alone(local, without):
    project = without(*SHARD_FILES)
    project.start(*SHARD_FILES)
    held = project.hold("score_shard")
    shard, written = project.finished_shard()
    project.cluster.command("scancel", held.job)
    project.finish()
    assert contents(project) == contents(local)
    assert shard.stat().st_mtime_ns == written
    assert sorted(job["JobState"] for job in project.jobs("score_shard")) == ["CANCELLED", "COMPLETED", "COMPLETED"]


def test_after_a_killed_snakemake_a_new_one_does_what_is_left(local, without):
    project = without(*SHARD_FILES)
    project.start(*SHARD_FILES)
    project.hold("score_shard")
    shard, written = project.finished_shard()
    project.driver.kill()
    project.driver.wait()
    (run,) = re.findall(r"SLURM run ID: (\S+)", project.printed())
    project.cluster.command("scancel", "--name", run)
    project.run("--unlock")
    project.start(*SHARD_FILES)
    printed = project.finish()
    assert contents(project) == contents(local)
    assert shard.stat().st_mtime_ns == written
    assert re.search(r"^score_shard +1$", printed, re.MULTILINE) and re.search(r"^total +1$", printed, re.MULTILINE)


@pytest.fixture
def lose(cluster):
    """`Slurm.lose`, with the node back in the end."""
    lost = []

    def lose_node(node: str) -> None:
        lost.append(node)
        cluster.lose(node)

    yield lose_node
    for node in lost:
        cluster.bring_back(node)


def test_jobs_of_a_lost_node_run_on_another(local, without, lose):
    project = without(*SHARD_FILES)
    project.start(*SHARD_FILES)
    held = project.hold("score_shard")
    shard, written = project.finished_shard()
    lose(held.node)
    project.finish()
    assert contents(project) == contents(local)
    assert shard.stat().st_mtime_ns == written
    (again,) = (job for job in project.jobs("score_shard") if job["Restarts"] == "1")
    assert again["JobState"] == "COMPLETED" and again["NodeList"] != held.node
