# shellcheck shell=bash
# Test results in TAP, one line each: `ok N - what`, `not ok N - what`, `ok N - what # SKIP why`; then the plan. A skip
# is never a pass: tap_end counts it apart, and whoever reads the lines must too.
tap_number=0
tap_failed=0

ok() {
	tap_number=$((tap_number + 1))
	echo "ok $tap_number - $*"
}

not_ok() {
	tap_number=$((tap_number + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_number - $*"
}

# skip WHAT WHY
skip() {
	tap_number=$((tap_number + 1))
	echo "ok $tap_number - $1 # SKIP $2"
}

# diag LINES: standard input as remarks, at most so many lines of it.
diag() { head -n "$1" | sed 's/^/#   /'; }

# The plan; 1 if anything failed. The last call of a test.
tap_end() {
	echo "1..$tap_number"
	[ "$tap_failed" -eq 0 ]
}
