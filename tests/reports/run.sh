#!/usr/bin/env bash
# Reports as a person sees them: figures recomputed, pages in a browser, exports in their readers. Usage: run.sh TRIBUNAL
# About two minutes, the installation not counted.
set -euo pipefail
TRIBUNAL=$(realpath "$1")
export TRIBUNAL
cd "$(dirname "$0")"
venv=${TRIBUNAL_REPORTS_VENV:-../../target/reports-venv}
bash install.sh "$venv"
exec "$venv/bin/python" -m pytest -q -p no:cacheprovider .
