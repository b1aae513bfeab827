#!/usr/bin/env bash
# Allocations and calls to the network that fail once, a sample of them: the token says so by a proper code, leaks nothing,
# and works the next time. All of them: scripts/faults.
set -euo pipefail
exec "$(dirname "$0")/../../scripts/faults" --short
