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

# What valgrind cannot judge, and why; the sanitizers and other tests of the same parts do.
declare -A left_out=(
	[kbc/kbc_test]='forks while threads are under way: what these held is lost in the child, on purpose'
	[pkcs11/process_test]='forks, and leaves what is its parent'"'"'s alone, on purpose'
	[pkcs11/threads_test]='forks amid threads, on purpose'
	[keywrap/token_ref_test]='reads all of the heap, in search of PINs'
	[keywrap/token_test]='pkcs11-spy leaks'
	[keywrap/provider_test]='holds programs against limits of time that valgrind does not keep'
	[pkcs11/mechanism_test]='minutes of long arithmetic'
	[pkcs11/session_object_test]='makes keys, which takes minutes here'
	[pkcs11/rsa_unpad_test]='minutes of long arithmetic'
	[keywrap/pgp_test]='starts GnuPG and its agent, time and again'
)

wanted() {
	local name
	for name in secret key jwe jws json_scan; do echo "$build/tests/unit/common/${name}_test"; done
	find "$build"/tests/unit/{kbc,pkcs11,keywrap} -maxdepth 1 -name '*_test' -type f 2>/dev/null | sort
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
while read -r program; do
	name=${program#"$build/tests/unit/"}
	if [ -n "${left_out[$name]-}" ]; then
		echo "# left out: $name: ${left_out[$name]}"
	elif [ ! -x "$program" ]; then
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
