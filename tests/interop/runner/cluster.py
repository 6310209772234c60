"""Clusters on loopback to judge: ours, and Apache Kafka's."""

import contextlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid

from places import TRIBUNAL, java

# How long a cluster may take to get ready, in seconds, on a machine that does other things.
READY = 90
# How long an orderly end may take, in seconds.
STOP = 30


class Failed(Exception):
    """A judge's verdict, or a cluster that does not start."""


def end_in_order():
    """SIGTERM stops what was started, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


# Ports that nobody gets by asking for any: a broker that was killed finds its own free when it comes back.
PORTS = range(12_000, 32_000)
given = set()


def free_ports(count):
    """Ports in a row that nobody listens on now, and that no other cluster of this program was given."""
    while True:
        first = random.choice(PORTS)
        ports = range(first, first + count)
        if given.isdisjoint(ports) and all(map(is_free, ports)):
            given.update(ports)
            return list(ports)


def is_free(port):
    """Whether it can be listened on."""
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        return True
    return False


class Cluster:
    """Broker processes with their folders. `with` starts and stops them."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = {}
        # How long each log was when its process was started.
        self.said_before = {}
        folder.mkdir(parents=True, exist_ok=True)

    def commands(self):
        """The command of each process, by the node id it is known as."""
        raise NotImplementedError

    def bootstrap_of(self, node):
        """Where that process listens."""
        raise NotImplementedError

    @property
    def bootstrap(self):
        return ",".join(self.bootstrap_of(node) for node in self.commands())

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        for node in self.commands():
            self.start_node(node, wait=False)
        self.wait_ready()

    def start_node(self, node, wait=True):
        with open(self.folder / f"{node}.log", "ab") as log:
            self.said_before[node] = log.tell()
            self.processes[node] = subprocess.Popen(self.commands()[node], stdout=log, stderr=log,
                                                    stdin=subprocess.DEVNULL)
        if wait:
            self.wait_ready([node])

    def is_ready(self, node):
        """Whether the process accepts connections; the clients wait for leaders themselves."""
        host, port = self.bootstrap_of(node).rsplit(":", 1)
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return True
        return False

    def wait_ready(self, nodes=None):
        """Waits until the processes are ready."""
        deadline = time.monotonic() + READY
        for node in nodes or self.commands():
            while not self.is_ready(node):
                if self.processes[node].poll() is not None:
                    raise Failed(f"{node} ended with {self.processes[node].returncode}:\n{self.log_of(node)}")
                if time.monotonic() > deadline:
                    raise Failed(f"{node} is not ready after {READY} s:\n{self.log_of(node)}")
                time.sleep(0.02)

    def log_of(self, node):
        """The end of what a process said."""
        return (self.folder / f"{node}.log").read_text(errors="replace")[-4_000:]

    def kill(self, node):
        """SIGKILL."""
        self.processes[node].kill()
        self.processes[node].wait()

    def memory(self):
        """Resident memory of each process, in MiB."""
        def resident(process):
            with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024
        return [resident(process) for process in self.processes.values()]

    def stop(self):
        """Ends every process in order, and says if one could not."""
        running = {node: process for node, process in self.processes.items() if process.poll() is None}
        for process in running.values():
            process.send_signal(signal.SIGINT)
        late = []
        for node, process in running.items():
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                late.append(node)
                self.kill(node)
        if late:
            raise Failed(f"{late} did not end within {STOP} s of SIGINT:\n{self.log_of(late[0])}")


class Tribunal(Cluster):
    """Our brokers: several in one process, as `tribunal serve --brokers`."""

    def __init__(self, folder, brokers=3, flags=()):
        super().__init__(folder)
        self.brokers, self.flags = brokers, list(flags)
        self.ports = free_ports(brokers)
        if not TRIBUNAL.exists():
            raise Failed(f"{TRIBUNAL} is not there: cargo build --release")

    def commands(self):
        return {"serve": [str(TRIBUNAL), "serve", "--brokers", str(self.brokers), "--data", str(self.folder / "data"),
                          "--listen", f"127.0.0.1:{self.ports[0]}", *self.flags]}

    def bootstrap_of(self, node):
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def is_ready(self, node):
        """Whether it has said so."""
        with open(self.folder / f"{node}.log", "rb") as log:
            log.seek(self.said_before[node])
            return b"ready: " in log.read()


class Tribunals(Tribunal):
    """Our brokers, each a process."""

    def commands(self):
        peers = ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(self.ports, 1))
        return {node: [str(TRIBUNAL), "serve", "--node-id", str(node), "--peers", peers,
                       "--data", str(self.folder / f"data{node}"), "--listen", f"127.0.0.1:{port}", *self.flags]
                for node, port in enumerate(self.ports, 1)}

    def bootstrap_of(self, node):
        return f"127.0.0.1:{self.ports[node - 1]}"


class Kafka(Cluster):
    """Apache Kafka's brokers, combined with controllers, each a process."""

    # What every node has, beside where it is. Small topics for internal use; the rest is Kafka's default.
    SETTINGS = {
        "process.roles": "broker,controller",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "offsets.topic.num.partitions": "1",
        "offsets.topic.replication.factor": "1",
        "group.initial.rebalance.delay.ms": "0",
    }

    def __init__(self, folder, nodes=1, settings=(), heap="512m"):
        super().__init__(folder)
        self.nodes, self.heap = nodes, heap
        ports = free_ports(2 * nodes)
        self.ports, self.controllers = ports[:nodes], ports[nodes:]
        voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(self.controllers, 1))
        cluster_id = uuid.uuid4().hex[:22]
        for node in range(1, nodes + 1):
            data = self.data_of(node)
            shutil.rmtree(data, ignore_errors=True)
            config = {
                **self.SETTINGS, "node.id": node, "controller.quorum.voters": voters, "log.dirs": data,
                "listeners": f"PLAINTEXT://127.0.0.1:{self.ports[node - 1]},CONTROLLER://127.0.0.1:{self.controllers[node - 1]}",
                **dict(settings),
            }
            properties = self.properties_of(node)
            properties.write_text("".join(f"{name}={value}\n" for name, value in config.items()))
            done = subprocess.run(java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", properties),
                                  capture_output=True, text=True, timeout=READY, check=False)
            if done.returncode:
                raise Failed(f"StorageTool: {done.stdout}{done.stderr}")

    def data_of(self, node):
        return self.folder / f"data{node}"

    def properties_of(self, node):
        return self.folder / f"{node}.properties"

    def commands(self):
        return {node: java("kafka.Kafka", self.properties_of(node), heap=self.heap)
                for node in range(1, self.nodes + 1)}

    def bootstrap_of(self, node):
        return f"127.0.0.1:{self.ports[node - 1]}"
