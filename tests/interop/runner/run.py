"""Runs the judges: run.py JUDGE… [--against kafka] [--seed N]. Called by tests/interop/run.sh, which installs first."""

import argparse
import concurrent.futures
import functools
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import clients
import durability
import files
import readme
from cluster import Failed, Kafka, Tribunal, end_in_order
from places import HERE, TARGET

# The most memory our server may take under a million bad frames, in MiB, and under long ones that never end: those it
# holds up to 256 MiB of, in buffers that may have grown to twice that.
HOSTILE_MEMORY, HOARD_MEMORY = 64, 576
# Random requests for each API in the differential test.
RANDOM = 300


def frames(program, *arguments):
    """Runs a judge of tests/interop/frames."""
    command = [TARGET / "release" / program, *map(str, arguments)]
    if not command[0].exists():
        raise Failed(f"{command[0]} is not there: cargo build --release -p tribunal-frames")
    if subprocess.run(command, check=False).returncode:
        raise Failed(f"{program} has found something")


class Judges:
    """Each method is a judge. One Apache Kafka is started for all that need it."""

    def __init__(self, against, seed, folder):
        self.against, self.seed, self.folder = against, seed, folder

    @functools.cached_property
    def kafka(self):
        cluster = Kafka(self.folder / "kafka")
        cluster.start()
        return cluster

    def close(self):
        if "kafka" in self.__dict__:
            # How it ends is not judged, and an orderly end takes it half a minute on a busy machine.
            for node in self.kafka.processes:
                self.kafka.kill(node)

    def clients(self):
        if self.against == "kafka":
            return self.with_clients(self.kafka.bootstrap, 1)
        with Tribunal(self.folder / "clients/tribunal", brokers=3) as cluster:
            return self.with_clients(cluster.bootstrap, 3)

    def with_clients(self, bootstrap, brokers):
        clients.administer(bootstrap, brokers)
        clients.judge(bootstrap, brokers, self.folder / "clients")

    def answers(self):
        with Tribunal(self.folder / "answers", brokers=1) as ours:
            frames("differential", "--kafka", self.kafka.bootstrap, "--ours", ours.bootstrap,
                   "--list", HERE / "differences.toml", "--random", RANDOM, "--seed", self.seed)

    def files(self):
        files.judge(self.kafka, self.folder / "files")

    def hostile(self):
        with Tribunal(self.folder / "hostile", brokers=1) as ours:
            frames("hostile", "--server", ours.bootstrap, "--pid", ours.processes["serve"].pid,
                   "--memory", HOSTILE_MEMORY, "--hoard-memory", HOARD_MEMORY)

    def readme(self):
        with Tribunal(self.folder / "readme/tribunal", flags=["--create", "orders:3:3"]) as ours:
            readme.judge(ours.bootstrap, self.folder / "readme/snippets")

    def durability(self):
        durability.judge(self.folder / "durability")


NAMES = ["clients", "readme", "answers", "files", "hostile", "durability"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("judges", nargs="*", metavar="JUDGE", help=f"of {', '.join(NAMES)} [default: all]")
    parser.add_argument("--against", choices=["tribunal", "kafka"], default="tribunal",
                        help="have `clients` judge Apache Kafka itself instead, to try the judge")
    parser.add_argument("--seed", type=int, default=1, metavar="N",
                        help="determines the random requests of `answers` [default: 1]")
    args = parser.parse_args()
    unknown = set(args.judges) - set(NAMES)
    if unknown:
        parser.error(f"no judge is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    end_in_order()
    folder = Path(tempfile.mkdtemp(prefix="tribunal-interop-"))
    judges = Judges(args.against, args.seed, folder)

    def run(name):
        started = time.monotonic()
        try:
            getattr(judges, name)()
        except Failed as why:
            return f"FAILED {name}: {why}\nlogs and data: {folder}"
        print(f"-- {name}: {time.monotonic() - started:.0f} s", flush=True)
        return None

    # In this order whatever was said: `files` leaves a topic at Kafka that `answers` would find.
    names = [name for name in NAMES if name in args.judges] or NAMES
    # It mostly waits for the next kill, beside whatever the others do.
    beside, others = [n for n in names if n == "durability"], [n for n in names if n != "durability"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(run, name) for name in beside]
        try:
            failed = next(filter(None, map(run, others)), None)
        finally:
            judges.close()
        failures = list(filter(None, [failed, *(each.result() for each in waiting)]))
    if failures:
        sys.exit("\n".join(failures))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
