#!/usr/bin/env bash
# Installs what is missing, then runs the judges: tests/interop/run.sh [JUDGE…] [--against kafka] [--seed N]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/install.sh"
exec "${INTEROP_HOME:-$here/../../target/interop}/python/bin/python" "$here/runner/run.py" "$@"
