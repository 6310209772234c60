#!/usr/bin/env bash
# Installs the foreign judges at pinned versions into target/interop: Apache Kafka and seven clients.
# It skips what is installed. It needs Debian's packages, PyPI, npm, Maven Central and Go modules.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
readonly here
readonly to=${INTEROP_HOME:-$here/../../target/interop}
readonly KCAT=1.7.1 KAFKA_JARS=93

fail() {
    printf 'tests/interop/install.sh: %s\n' "$*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || fail "there is no $1: $2"
}

# Whether a part is installed from these very files; `done_with` says that it is.
stamp_of() {
    cat "$@" | sha256sum | cut -d' ' -f1
}
is_done() {
    local part=$1
    shift
    [[ -f $to/$part.stamp && $(<"$to/$part.stamp") == "$(stamp_of "$@")" ]]
}
done_with() {
    local part=$1
    shift
    stamp_of "$@" >"$to/$part.stamp"
}

kcat_package() {
    if ! command -v kcat >/dev/null; then
        need apt-get "install kcat $KCAT by hand"
        apt-get -qq -o DPkg::Lock::Timeout=120 update
        DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends \
            "kcat=$KCAT-*" >/dev/null || fail "apt-get could not install kcat $KCAT"
    fi
    [[ $(dpkg-query -W -f '${Version}' kcat) == "$KCAT"-* ]] || fail "kcat is not $KCAT"
}

python_clients() {
    local pins=$here/clients/python/requirements.txt
    is_done python "$pins" && return
    need python3 "install Python 3.11 or later with venv"
    rm -rf "$to/python"
    python3 -m venv "$to/python"
    "$to/python/bin/pip" --quiet --disable-pip-version-check install --only-binary :all: -r "$pins"
    done_with python "$pins"
}

kafkajs_client() {
    local from=$here/clients/kafkajs
    is_done kafkajs "$from/package-lock.json" && return
    need npm "install Node.js 20 or later"
    mkdir -p "$to/kafkajs"
    cp "$from/package.json" "$from/package-lock.json" "$to/kafkajs"
    (cd "$to/kafkajs" && npm ci --silent --ignore-scripts --no-audit --no-fund)
    done_with kafkajs "$from/package-lock.json"
}

# The broker, its tools and the Java client.
apache_kafka() {
    local pom=$here/clients/java/pom.xml sources=("$here"/clients/java/*.java)
    is_done kafka "$pom" "${sources[@]}" && return
    need mvn "install Maven 3.8 or later"
    need javac "install a JDK, 17 or later"
    rm -rf "$to/kafka"
    mkdir -p "$to/kafka"
    mvn --quiet --batch-mode -f "$pom" dependency:copy-dependencies -DoutputDirectory="$(cd "$to" && pwd)/kafka/libs"
    [[ $(find "$to/kafka/libs" -name '*.jar' | wc -l) -eq $KAFKA_JARS ]] || fail "Maven did not bring $KAFKA_JARS jars"
    javac -Xlint:all,-processing,-path,-classfile -cp "$to/kafka/libs/*" -d "$to/kafka/classes" "${sources[@]}"
    done_with kafka "$pom" "${sources[@]}"
}

franz_client() {
    local from=$here/clients/franz
    is_done franz "$from"/go.mod "$from"/go.sum "$from"/*.go && return
    need go "install Go 1.26 or later"
    (cd "$from" && go build -o "$(cd "$to" && pwd)/franz" .)
    done_with franz "$from"/go.mod "$from"/go.sum "$from"/*.go
}

mkdir -p "$to"
kcat_package
# What waits for the network and what compiles side by side.
parts=(python_clients kafkajs_client apache_kafka franz_client)
pids=()
for part in "${parts[@]}"; do
    (set -e; "$part") &
    pids+=($!)
done
missing=()
for i in "${!parts[@]}"; do
    wait "${pids[i]}" || missing+=("${parts[i]}")
done
[[ ${#missing[@]} -eq 0 ]] || fail "not installed: ${missing[*]}"
echo "kcat $KCAT, confluent-kafka, kafka-python, aiokafka, kafkajs, Apache Kafka and its client, franz-go: in $to"
