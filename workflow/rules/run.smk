"""What is checked before a run, and said after it."""

import time

from glmtracks.files import from_the_future, unwritable

STARTED = time.time()


def complaints():
    """What jobs of this run said is wrong with their input: one sentence each, with the log that holds it."""
    stored = workflow.storage_settings.local_storage_prefix  # logs of results in object storage lie there
    for path in sorted(path for folder in ("results/logs", stored) for path in Path(folder).rglob("*.log")):
        if path.stat().st_mtime >= STARTED:
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("glmtracks: "):
                    yield f"{line.removeprefix('glmtracks: ')} [{path}]"


def check_places():
    """Raise WorkflowError where nothing can be written, or where a wrong clock has left files from the future."""
    if problem := unwritable("results") or (None if workflow.touch else from_the_future([*HERE, "results"])):
        raise WorkflowError(problem)


def closing_summary():
    """Wall time of each stage of this run, and how fast genomes were scored."""
    from glmtracks.status import timing

    if workflow.touch:  # which makes the tables of times new as well
        return []
    return timing("results", CONFIG, since=STARTED)
