#!/usr/bin/env bash
# kbs-verify: verdicts and exit codes of real evidence, what it says, what it links and opens.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

fixtures=$TOP_SRCDIR/../shared/fixtures
tdx=$fixtures/tdx/tdx_quote_with_collateral.dat
bundle=$fixtures/tdx/tdx_quote_collateral.json

# exits CODE PATTERN ARGS...: kbs-verify exits so, and the pattern is in what it prints.
exits() {
	local code=$1 pattern=$2 got=0
	shift 2
	kbs-verify "$@" >"$work/out1" 2>&1 || got=$?
	if [ "$got" != "$code" ] || ! grep -qE -- "$pattern" "$work/out1"; then
		echo "# kbs-verify $*: exit $got"
		diag 20 <"$work/out1"
		return 1
	fi
}

# --- the program --------------------------------------------------------------------------------------------------
needed() { readelf -d "$TOP_BUILDDIR/kbs-verify" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vE '^(libc|libcrypto|libjson-c|ld-linux.*|libasan|libubsan|libtsan)\.so' || true; }
equal "kbs-verify links nothing but libc, libcrypto and json-c" "" "$(needed)"
if command -v strace >/dev/null && [ -r "$tdx" ]; then
	sockets() { strace -f -e trace=socket,connect -o "$work/trace" kbs-verify tdx "$tdx" >/dev/null; grep -c 'socket(' "$work/trace" || true; }
	equal "it opens no socket" 0 "$(sockets)"
else
	skip "it opens no socket" "no strace, or no fixtures"
fi
passes "no arguments: the command line" exits 2 "kind of evidence"
passes "an unknown kind: the command line" exits 2 "tdx, sgx, snp" xyz /dev/null
passes "json without --tee: the command line" exits 2 "--tee" json /dev/null
passes "an option twice: the command line" exits 2 "twice" tdx x --time a --time b
passes "an option that would not be looked at: the command line" exits 2 "Intel" snp x --collateral y
passes "a bad clock: the command line" exits 2 "not like" tdx x --time yesterday
passes "a missing file" exits 10 "No such file" tdx "$work/none"
passes "tpm is not supported yet" exits 8 'no verifier for evidence of "tpm"' tpm "$TOP_SRCDIR/README.md"
head -c 1000 /dev/zero >"$work/zeros"
: >"$work/empty"
passes "zeros are malformed" exits 8 "quote version 0" tdx "$work/zeros"
passes "an empty file is malformed" exits 8 "empty" tdx "$work/empty"
passes "a report of another length is malformed" exits 8 "1000 bytes" snp "$work/zeros"
passes "JSON that is none is malformed" exits 8 "" json "$work/zeros" --tee snp
echo '{"attestation_report":{}}' >"$work/report.json"
passes "JSON without a report is malformed" exits 8 "evidence format" json "$work/report.json" --tee snp

# --- real evidence ------------------------------------------------------------------------------------------------
if [ ! -r "$tdx" ]; then
	skip "real evidence" "no fixtures beside the source"
	tap_end
	exit
fi
july=2025-07-01T00:00:00Z
passes "TDX v4 with collateral" exits 0 '^affirming; TCB: UpToDate$' tdx "$tdx" --collateral "$bundle" --time $july
passes "the same a second too late" exits 3 'FAIL +CRL dates' \
	tdx "$tdx" --collateral "$bundle" --time 2025-07-19T10:00:36Z
passes "the same a second too early" exits 3 'FAIL +QE identity dates' \
	tdx "$tdx" --collateral "$bundle" --time 2025-06-19T10:32:26Z
passes "without collateral it says that the TCB was not judged" exits 0 '^affirming; TCB: not checked$' tdx "$tdx"
passes "a TD in debug mode" exits 5 'FAIL +TD debug' tdx "$fixtures/tdx/tdx_quote_4.dat" --time $july
passes "TDX v5" exits 0 '^affirming' tdx "$fixtures/tdx/tdx_quote_5.dat" --time $july
passes "report data of another" exits 6 'FAIL +report data' tdx "$tdx" --time $july --report-data 00
data=$(od -An -v -tx1 -j $((48 + 520)) -N 64 "$tdx" | tr -d ' \n')
passes "its own report data" exits 0 'ok +report data' tdx "$tdx" --time $july --report-data "$data"
printf 'version = "0.1.0"\nalgorithm = "sha384"\n' >"$work/init.toml"
passes "init data of another" exits 6 'FAIL +init data' tdx "$tdx" --time $july --init-data "$work/init.toml"
passes "an event log of another" exits 6 'FAIL +event log RTMR0' \
	tdx "$tdx" --time $july --event-log "$fixtures/ccel/CCEL_data_ovmf"
mrtd=$(od -An -v -tx1 -j $((48 + 136)) -N 48 "$tdx" | tr -d ' \n')
printf '{"version":"0.1.0","type":"sample","payload":"%s"}' \
	"$(printf '{"mr_td":["%s"]}' "$mrtd" | base64 -w0)" >"$work/values.json"
passes "its own measurement" exits 0 'ok +mr_td' tdx "$tdx" --time $july --reference "$work/values.json"
passes "a measurement of another" exits 6 'FAIL +mr_td' \
	tdx "$fixtures/tdx/tdx_quote_5.dat" --time $july --reference "$work/values.json"
{
	head -c 700 "$tdx"
	printf '\377'
	tail -c +702 "$tdx"
} >"$work/flipped"
passes "a changed signature" exits 7 'FAIL' tdx "$work/flipped" --time $july
head -c 3000 "$tdx" >"$work/cut"
passes "a cut quote" exits 8 'FAIL +quote format' tdx "$work/cut" --time $july

vcek=$fixtures/snp/test-vcek.der
passes "SNP v2" exits 0 '^affirming' snp "$fixtures/snp/test-report.bin" --certs "$vcek" --time $july
passes "SNP without the signer's certificate" exits 7 "signer's certificate" \
	snp "$fixtures/snp/test-report.bin" --time $july
passes "SNP v3 with a VLEK that has expired" exits 3 'FAIL +certificate dates' \
	snp "$fixtures/snp/test-vlek-report.bin" --certs "$fixtures/snp/test-vlek.der" --time 2026-01-01T00:00:00Z
passes "the same in time, VMPL 1" exits 0 'ok +VMPL +1' \
	snp "$fixtures/snp/test-vlek-report.bin" --certs "$fixtures/snp/test-vlek.der" --time $july
passes "the same where VMPL 0 is demanded" exits 5 'FAIL +VMPL' \
	snp "$fixtures/snp/test-vlek-report.bin" --certs "$fixtures/snp/test-vlek.der" --time $july --vmpl 0
passes "SNP v3 in JSON" exits 0 '^affirming' json "$fixtures/snp/evidence-genoa-v3.json" --tee snp --time $july
json_says() {
	kbs-verify json "$fixtures/snp/evidence-genoa-v3.json" --tee snp --time $july --json |
		jq -e '.status == "affirming" and ."ear.status" == "affirming" and
			(."ear.veraison.annotated-evidence" | .snp.measurement == "6a6519d757e68c2e939c9dbbbc1828498e8de35d2766dd05f1a2cca5059d0cf4ae62a36d75c837974dd50b315506e73e"
				and .report_data == .snp.report_data) and
			([.checks[] | select(.outcome == "FAIL")] | length) == 0' >/dev/null
}
passes "--json is for programs" json_says
json_fails() {
	kbs-verify tdx "$fixtures/tdx/tdx_quote_4.dat" --time $july --json >"$work/out1" || [ $? = 5 ]
	jq -e '.status == "refused" and (.checks[] | select(.outcome == "FAIL") |
		.name == "TD debug" and .expected == "00" and .actual == "01")' "$work/out1" >/dev/null
}
passes "--json names the check that failed, and both values" json_fails
tap_end
