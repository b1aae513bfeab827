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
	[pkcs11/lease_test]='holds leases against limits of time that valgrind does not keep'
	[pkcs11/mechanism_walk_test]='minutes of long arithmetic'
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

judged() {
	local program
	wanted | while read -r program; do
		[ -n "${left_out[${program#"$build/tests/unit/"}]-}" ] || [ ! -x "$program" ] || echo "$program"
	done
}

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# One for each core at a time.
# shellcheck disable=SC2016 # the inner shell expands these
judged | LOGS=$logs xargs -P "$(nproc)" -I {} bash -c '
	name=$(basename "$(dirname "$1")")-$(basename "$1")
	status=0
	timeout --foreground -k 5 180 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
		"$1" >"$LOGS/$name.log" 2>&1 </dev/null || status=$?
	echo $status >"$LOGS/$name.status"' _ {}

while read -r program; do
	name=${program#"$build/tests/unit/"}
	if [ -n "${left_out[$name]-}" ]; then
		echo "# left out: $name: ${left_out[$name]}"
	elif [ ! -x "$program" ]; then
		skip "$name under valgrind" "not built"
	elif [ "$(cat "$logs/${name/\//-}.status" 2>/dev/null)" = 0 ]; then
		ok "$name under valgrind"
	else
		not_ok "$name under valgrind"
		diag 60 <"$logs/${name/\//-}.log"
	fi
done < <(wanted)
tap_end
