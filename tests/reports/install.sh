#!/usr/bin/env bash
# What the tests of reports need: Chromium with its driver, and a Python environment. Usage: install.sh FOLDER
set -euo pipefail
if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y chromium chromium-driver >/dev/null
fi
[[ -x $1/bin/python ]] || python3 -m venv "$1"
"$1/bin/pip" install -q --disable-pip-version-check \
    edn_format==0.8.0 pillow==13.0.0 pytest==9.2.0 selenium==4.51.0
