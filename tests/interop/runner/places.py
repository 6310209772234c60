"""Where things are."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
REPO = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPO / "target"))
INSTALLED = Path(os.environ.get("INTEROP_HOME", REPO / "target/interop"))
JARS = INSTALLED / "kafka/libs"
TRIBUNAL = Path(os.environ.get("TRIBUNAL", TARGET / "release/tribunal"))


def java(main, *arguments, heap="512m"):
    """The command that runs a class of Apache Kafka, or our Java client."""
    classpath = f"{INSTALLED / 'kafka/classes'}:{JARS}/*"
    logging = f"-Dlog4j2.configurationFile={HERE / 'clients/java/log4j2.properties'}"
    # Serial collection and one compiler: on two cores a short program spends less on itself.
    return ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", logging, "-cp", classpath, main,
            *map(str, arguments)]
