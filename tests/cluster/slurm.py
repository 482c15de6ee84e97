"""A throw-away Slurm of two nodes on this machine: no systemd, nothing under /etc, gone when the block ends.

It is gone too when the process that started it is killed: another one, `python slurm.py FOLDER`, waits for that.

Needs root, and Debian's slurmctld, slurmd, slurm-client and munge, which are installed where they are missing. The
first node has a pretend GPU. Jobs that need more memory than they asked for are killed.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

PACKAGES = {"slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client", "munged": "munge"}
NODES = ("n1", "n2")
REMEMBERED = 7200  # seconds for which a job that has ended is known; longer than any test, by default 300
CREDENTIAL = 60  # seconds, by default 120, for which a job of a lost node waits before it is started again


class CannotRun(Exception):
    """Why there can be no Slurm here, in one sentence."""


def install() -> None:
    """Make sure that the programs are there. Raises CannotRun."""
    if os.geteuid():
        raise CannotRun("a throw-away Slurm needs root")
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise CannotRun(f"{', '.join(missing)} are not installed and there is no apt-get")
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "capture_output": True}
    try:
        for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", "-qq", *command], timeout=240, check=True, **quiet)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise CannotRun(f"{', '.join(missing)} are not installed and cannot be fetched") from None


class Slurm:
    """A running cluster. `environment` is what programs need to speak to it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.daemons: list[subprocess.Popen] = []
        self.nodes: dict[str, subprocess.Popen] = {}
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}

    def command(self, *words: str) -> str:
        """What a command of Slurm prints."""
        done = subprocess.run(words, env={**os.environ, **self.environment}, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """Every job that is remembered, by Slurm's names of fields, such as JobId, JobState, Comment and NodeList."""
        lines = self.command("scontrol", "-o", "show", "job").splitlines()
        return [dict(word.partition("=")[::2] for word in line.split(" ") if "=" in word) for line in lines]

    def state(self) -> str:
        """Its nodes and its jobs as Slurm shows them to people."""
        return self.command("sinfo", "-N", "-o", "%N %t %E") + self.command("squeue", "-o", "%i %T %r %N")

    def start(self) -> None:
        """Start the daemons and wait until both nodes are ready."""
        self._configure()
        folder = self.folder
        munge = [f"--{name}={folder / f'munge.{name}'}" for name in ("socket", "pid-file", "log-file", "seed-file")]
        self._daemon("munged", "--foreground", "--force", f"--key-file={folder / 'munge.key'}", *munge)
        self._until((folder / "munge.socket").exists, 60)
        self._daemon("slurmctld", "-D")
        for node in NODES:
            self._start_node(node)
        try:
            self._wait_for_nodes()
        except RuntimeError as error:
            raise CannotRun(f"Slurm does not start here: {str(error).strip().splitlines()[-1]}") from error

    def lose(self, node: str) -> None:
        """Let a node vanish with all that runs there, as by a power cut, and let the controller know at once."""
        self.nodes[node].kill()
        self.nodes[node].wait()
        self.command("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=lost")
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("SLURMD_NODENAME") == node:
                    process.kill()

    def bring_back(self, node: str) -> None:
        """Start a lost node again."""
        self._start_node(node)
        with contextlib.suppress(RuntimeError):  # it may have come back by itself
            self.command("scontrol", "update", f"NodeName={node}", "State=RESUME")
        self._wait_for_nodes()

    def _processes(self) -> list[psutil.Process]:
        """What runs by this cluster or speaks to it: daemons, jobs, those that submit them."""
        return [process for process in psutil.process_iter() if self._is_mine(process)]

    def _is_mine(self, process: psutil.Process) -> bool:
        try:
            environment = process.environ()
        except psutil.Error:
            return False
        return environment.get("SLURM_CONF") == self.environment["SLURM_CONF"] or (
            str(self.folder / "bin") in environment.get("PATH", "").split(":")
        )

    def _start_node(self, node: str) -> None:
        self.nodes[node] = self._daemon("slurmd", "-D", "-N", node)

    def _wait_for_nodes(self) -> None:
        if not self._until(self._ready, 180):
            raise RuntimeError(f"the nodes do not come up: {(self.folder / 'slurmctld.log').read_text()}")

    def _ready(self) -> bool:
        try:
            return self.command("sinfo", "-h", "-N", "-o", "%t").split() == ["idle"] * len(NODES)
        except RuntimeError:  # the controller listens a moment after it has started
            return False

    def remove(self) -> None:
        """Cancel what runs, stop the daemons, and take the folder away; by whichever process."""
        with contextlib.suppress(RuntimeError):
            self.command("scancel", "--user=root")
            self._until(lambda: not self.command("squeue", "-h"), 20)
        for end in (psutil.Process.terminate, psutil.Process.kill):
            for process in self._processes():
                with contextlib.suppress(psutil.Error):
                    end(process)
            if self._until(lambda: not self._processes(), 10):
                break
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _until(true: Callable[[], bool], seconds: float) -> bool:
        """Whether something becomes true in time."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def _daemon(self, *command: str) -> subprocess.Popen:
        """Start a daemon in the foreground."""
        with (self.folder / "daemons.log").open("a") as log:
            daemon = subprocess.Popen(
                command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.daemons.append(daemon)
        return daemon

    def _configure(self) -> None:
        folder, host = self.folder, socket.gethostname().split(".")[0]
        ports = _free_ports(3)
        for name in ("state", "bin", *NODES):
            (folder / name).mkdir()
        # The executor plugin takes SLURM_CONF away from srun, which elsewhere finds its configuration under /etc.
        wrapper = folder / "bin" / "srun"
        wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={folder / "slurm.conf"} exec {shutil.which("srun")} "$@"\n')
        wrapper.chmod(0o755)
        key = folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(128))
        (folder / "gres.conf").write_text("NodeName=n1 Name=gpu File=/dev/zero\n")
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=8000 State=UNKNOWN"
            + " Gres=gpu:1" * (node == "n1")
            for node, port in zip(NODES, ports[1:], strict=True)
        )
        (folder / "slurm.conf").write_text(f"""\
ClusterName=throwaway
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder / "munge.socket"},cred_expire={CREDENTIAL}
StateSaveLocation={folder / "state"}
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
MessageTimeout=60
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
KillWait=2
MinJobAge={REMEMBERED}
AccountingStorageType=accounting_storage/none
AccountingStoreFlags=job_comment
GresTypes=gpu
{nodes}
PartitionName=short Nodes=ALL Default=YES MaxTime=04:00:00 State=UP
""")


def _free_ports(count: int) -> list[int]:
    """Ports that nothing listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def running() -> Iterator[Slurm]:
    """A cluster for the length of the block. Raises CannotRun."""
    install()
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # munge's socket must be reachable for all
    command = [sys.executable, __file__, str(folder)]
    slurm = Slurm(folder)
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):  # leaving it closes its input
            slurm.start()
            yield slurm
    finally:
        for daemon in slurm.daemons:
            daemon.wait()


if __name__ == "__main__":
    sys.stdin.read()  # until the process at the other end has closed it, or is no more
    Slurm(Path(sys.argv[1])).remove()
