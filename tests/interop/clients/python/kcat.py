"""kcat, by the command line of the other clients. It cannot set timestamps, and it gives its headers to a whole
invocation, so each record is one. It does not say where a record went, so the log's end is asked for before."""

import re
import subprocess

import line

# Lengths come first, -1 for null. Headers are name=value,name=value; no name or value here has either sign in it.
FORMAT = "%p %o %T %K %S\n%k%s%h\x1e\n"
# What parts records and keys on standard input: in none of them.
RECORD, KEY = "\x01\x1e", "\x02\x1e"


def kcat(args, *more):
    return ["kcat", "-b", args.bootstrap, "-X", f"message.max.bytes={line.MAX_REQUEST}", *more]


def end_of(args, partition):
    """The log end offset."""
    out = subprocess.run(kcat(args, "-Q", "-t", f"{args.topic}:{partition}:-1"),
                         check=True, capture_output=True, text=True, timeout=line.PATIENCE).stdout
    return int(out.rsplit(" ", 1)[1])


def produce(args):
    offset = end_of(args, args.partition)
    for key, value, headers, timestamp in line.records(args.input):
        if timestamp is not None:
            line.fail("kcat cannot set timestamps")
        command = kcat(args, "-P", "-q", "-t", args.topic, "-p", str(args.partition), "-X", "acks=all",
                       "-z", args.compression, "-D", RECORD)
        for name, content in headers:
            command += ["-H", name if content is None else f"{name}={content.decode()}"]
        if key is not None:
            command += ["-K", KEY]
        if value is None:
            command += ["-Z"]
        data = (value or b"") if key is None else key + KEY.encode() + (value or b"")
        subprocess.run(command, check=True, input=data, timeout=line.PATIENCE)
        line.say(partition=args.partition, offset=offset)
        offset += 1
    if end_of(args, args.partition) != offset:
        line.fail(f"the log ends at {end_of(args, args.partition)}, after {offset} records")


def start(args, partition, where, *more):
    """A kcat that consumes one partition, since it reads one or all."""
    command = kcat(args, "-C", "-u", "-t", args.topic, "-p", str(partition), "-o", where, "-f", FORMAT, *more)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def say_next(out):
    """Prints the next record; False at the end."""
    head = out.readline()
    if not head:
        return False
    partition, offset, timestamp, key_len, value_len = map(int, head.split())
    key = out.read(key_len) if key_len >= 0 else None
    value = out.read(value_len) if value_len >= 0 else None
    tail = out.readline()
    while not tail.endswith(b"\x1e\n"):
        tail += out.readline()
    headers = []
    for header in filter(None, tail[:-2].split(b",")):
        name, _, content = header.partition(b"=")
        headers.append((name.decode(), None if content == b"NULL" else content))
    line.say_record(partition, offset, timestamp, key, value, headers)
    return True


def consume(args):
    left = args.count
    if args.start != "end":
        where = "beginning" if args.start == "start" else f"s@{args.timestamp}"
        for partition in args.partitions:
            process = start(args, partition, where, "-q", "-e")
            while say_next(process.stdout):
                left -= 1
            if process.wait(line.PATIENCE):
                line.fail(process.stderr.read().decode())
    else:
        processes = [start(args, partition, "end") for partition in args.partitions]
        for process in processes:
            while not re.search(rb"Reached end of topic", said := process.stderr.readline()):
                if not said:
                    line.fail("kcat did not reach the end")
        line.say(ready=True)
        for process in processes:
            for _ in range(args.count // len(processes)):
                left -= say_next(process.stdout)
        for process in processes:
            process.kill()
    if left:
        line.fail(f"{left} records did not come")


if __name__ == "__main__":
    arguments = line.arguments()
    {"produce": produce, "consume": consume}[arguments.command](arguments)
