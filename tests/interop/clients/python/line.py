"""The command line that every client program has, and the lines it reads and prints.

    produce --bootstrap B --topic T --partition P --compression C --input FILE
        Sends the records of FILE (a JSON object a line: key, value, headers, timestamp) in order, acks=all, and prints
        {"partition", "offset"} for each, in order, as it was acknowledged.
    consume --bootstrap B --topic T --partitions P,P… --from start|timestamp|end --count N [--timestamp MS]
        Reads by assigned partition until it has N records and prints each as a JSON object a line: partition, offset,
        timestamp, key, value, headers. From the end it prints {"ready": true} first, once it knows where the end is.

Keys, values and header values are base64, or null. Timestamps are milliseconds; null leaves them to the client.
"""

import argparse
import base64
import json
import sys

# What a request may take, in seconds, before the program gives up: the runner's broker is on this machine.
PATIENCE = 60
# Larger than the 5 MB record with its base64, and than what any broker here takes.
MAX_REQUEST = 8_000_000


def arguments():
    """The parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    produce = commands.add_parser("produce")
    produce.add_argument("--partition", type=int, required=True)
    produce.add_argument("--compression", choices=["none", "gzip", "snappy", "lz4", "zstd"], required=True)
    produce.add_argument("--input", required=True)
    consume = commands.add_parser("consume")
    consume.add_argument("--partitions", type=lambda text: [int(p) for p in text.split(",")], required=True)
    consume.add_argument("--from", dest="start", choices=["start", "timestamp", "end"], required=True)
    consume.add_argument("--timestamp", type=int)
    consume.add_argument("--count", type=int, required=True)
    for command in (produce, consume):
        command.add_argument("--bootstrap", required=True)
        command.add_argument("--topic", required=True)
    return parser.parse_args()


def decode(text):
    """Bytes of a field, or None."""
    return None if text is None else base64.b64decode(text)


def encode(data):
    """A field of bytes, or None."""
    return None if data is None else base64.b64encode(data).decode()


def records(path):
    """The records of a file: key, value, headers as pairs, timestamp."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            headers = [(name, decode(value)) for name, value in record["headers"]]
            yield decode(record["key"]), decode(record["value"]), headers, record["timestamp"]


def say(**fields):
    """Prints a line now: the runner waits for it."""
    print(json.dumps(fields), flush=True)


def say_record(partition, offset, timestamp, key, value, headers):
    """Prints a consumed record."""
    print(json.dumps({
        "partition": partition, "offset": offset, "timestamp": timestamp, "key": encode(key), "value": encode(value),
        "headers": [[name, encode(value)] for name, value in headers],
    }))


def fail(why):
    """Ends the program with what went wrong."""
    sys.exit(f"{sys.argv[0]}: {why}")
