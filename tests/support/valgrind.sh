#!/usr/bin/env bash
# Runs the unit tests of what holds keys under valgrind: no stray read or write, no use of what was never set,
# nothing definitely lost.
#   tests/support/valgrind.sh BUILDDIR
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd)
# shellcheck source=tests/support/tap.sh
. "$top/tests/support/tap.sh"
export TOP_SRCDIR=$top TOP_BUILDDIR=$build

wanted() {
	local name
	for name in secret key jwe jwk jws json_scan; do echo "$build/tests/unit/common/${name}_test"; done
	find "$build"/tests/unit/{kbc,pkcs11,keywrap} -maxdepth 1 -name '*_test' -type f 2>/dev/null | sort
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
while read -r program; do
	name=${program#"$build/tests/unit/"}
	if [ ! -x "$program" ]; then
		skip "$name under valgrind" "not built"
	elif timeout --foreground -k 5 180 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
		"$program" >"$log" 2>&1; then
		ok "$name under valgrind"
	else
		not_ok "$name under valgrind"
		diag 60 <"$log"
	fi
done < <(wanted)
tap_end
