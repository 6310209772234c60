"""Runs the judges: run.py JUDGE… [--against kafka]. Called by tests/interop/run.sh, which installs first."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import clients
from cluster import Failed, Kafka, Tribunal


def judge_clients(args, folder):
    cluster = Kafka(folder / "kafka", nodes=1) if args.against == "kafka" else Tribunal(folder / "tribunal", brokers=3)
    with cluster:
        clients.judge(cluster.bootstrap, 1 if args.against == "kafka" else 3, folder / "clients")


JUDGES = {"clients": judge_clients}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("judges", nargs="*", choices=[*JUDGES, []], default=list(JUDGES), metavar="JUDGE",
                        help=f"of {', '.join(JUDGES)} [default: all]")
    parser.add_argument("--against", choices=["tribunal", "kafka"], default="tribunal",
                        help="judge Apache Kafka itself instead, to try the judges")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tribunal-interop-"))
    for name in args.judges:
        started = time.monotonic()
        try:
            JUDGES[name](args, folder / name)
        except Failed as why:
            sys.exit(f"FAILED {name}: {why}\nlogs and data: {folder}")
        print(f"-- {name}: {time.monotonic() - started:.0f} s", flush=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
