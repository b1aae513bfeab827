#!/usr/bin/env bash
# Predicted measurements against those of others: sev-snp-measure of PyPI, in a virtual environment that is kept in the build
# folder, and Rust's igvm, which also writes the files.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

# --- sev-snp-measure ------------------------------------------------------------------------------------------------
peer=$TOP_BUILDDIR/tests/interop/sev-snp-measure
images=("$TOP_SRCDIR/tests/vectors/measure/ovmf.bin")
[ ! -e /usr/share/ovmf/OVMF.fd ] || images+=(/usr/share/ovmf/OVMF.fd)
python_peer() {
	[ ! -e "$peer/whole" ] || return 0
	rm -rf "$peer"
	mkdir -p "$(dirname "$peer")"
	python3 -m venv "$peer" && timeout -k 5 120 "$peer/bin/pip" -q --retries 1 --disable-pip-version-check install \
		sev-snp-measure==0.0.13 && touch "$peer/whole"
}
if python_peer >"$work/pip.log" 2>&1; then
	passes "sev-snp-measure has the same launch digests" \
		"$peer/bin/python3" "$TOP_SRCDIR/tests/interop/sev_snp_measure.py" "$(command -v kbs-attest)" "$work" "${images[@]}"
	diag 1 <"$work/out"
else
	skip "sev-snp-measure has the same launch digests" "no such package: $(tail -n 1 "$work/pip.log" | cut -c 1-120)"
fi

# --- Rust's igvm: building it takes minutes, so it is asked for by name ---------------------------------------------
same_values() {
	local file snp tdx
	while read -r file snp tdx; do
		[ "$(kbs-attest measure snp "$file" 2>/dev/null)" = "$snp" ]
		[ "$(kbs-attest measure tdx "$file")" = "$tdx" ]
	done <"$1"
}
if [ -z "${INTEROP_RUST-}" ]; then
	skip "Rust's igvm" "INTEROP_RUST=1 builds it"
elif ! command -v cargo >/dev/null; then
	skip "Rust's igvm" "no cargo here"
elif ! cp -r "$TOP_SRCDIR/tests/interop/igvm_rust" "$work/rust" || ! cargo build -q --manifest-path "$work/rust/Cargo.toml" \
	--target-dir "$TOP_BUILDDIR/tests/interop/rust" 2>"$work/rust.log"; then
	skip "Rust's igvm" "it could not be built: $(tail -n 1 "$work/rust.log" | cut -c 1-150)"
else
	igvm=$TOP_BUILDDIR/tests/interop/rust/debug/igvm-peer
	mkdir "$work/igvm"
	passes "Rust's igvm writes a hundred files" "$igvm" make "$work/igvm" 100
	passes "and measures them" "$igvm" measure "$work/igvm"/*.igvm
	mv "$work/out" "$work/values"
	equal "all of them" 100 "$(wc -l <"$work/values")"
	passes "their launch digests and MRTDs are ours" bash -ec "$(declare -f same_values); same_values $work/values"
fi
tap_end
