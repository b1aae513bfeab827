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
needed() { readelf -d "$TOP_BUILDDIR/kbs-verify" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vE '^(libc|libcrypto|ld-linux.*|libasan|libubsan|libtsan)\.so' || true; }
equal "kbs-verify links nothing but libc and libcrypto" "" "$(needed)"
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
passes "a TPM's quote without its signature: the command line" exits 2 "--signature" tpm x --certs y
passes "a TPM's quote without a trusted key: the command line" exits 2 "--certs" tpm x --signature y
head -c 1000 /dev/zero >"$work/zeros"
: >"$work/empty"
passes "zeros are malformed" exits 8 "quote version 0" tdx "$work/zeros"
passes "an empty file is malformed" exits 8 "empty" tdx "$work/empty"
passes "a report of another length is malformed" exits 8 "1000 bytes" snp "$work/zeros"
passes "JSON that is none is malformed" exits 8 "" json "$work/zeros" --tee snp
echo '{"attestation_report":{}}' >"$work/report.json"
passes "JSON without a report is malformed" exits 8 "evidence format" json "$work/report.json" --tee snp

# --- one file -----------------------------------------------------------------------------------------------------
static_make() { make -s -C "$TOP_BUILDDIR" kbs-verify-static; }
if ! sanitized && passes "kbs-verify can be linked into one file" static_make; then
	one_file() { readelf -d "$TOP_BUILDDIR/kbs-verify-static" | grep NEEDED || true; }
	equal "it needs no library" "" "$(one_file)"
	one_says() { "$TOP_BUILDDIR/kbs-verify-static" tdx "$work/zeros" | tail -1; }
	equal "and says the same" "malformed: quote format; TCB: not checked" "$(one_says)"
fi

# --- a TPM, emulated ----------------------------------------------------------------------------------------------
# tpm_start: sets TPM2TOOLS_TCTI. The emulator takes two ports next to each other.
tpm_start() {
	local port
	mkdir -p "$work/tpm"
	for _ in 1 2 3 4 5; do
		port=$((10000 + RANDOM % 20000))
		swtpm socket --tpm2 --tpmstate "dir=$work/tpm" --server "type=tcp,bindaddr=127.0.0.1,port=$port" \
			--ctrl "type=tcp,bindaddr=127.0.0.1,port=$((port + 1))" --flags not-need-init,startup-clear >"$work/tpm.log" 2>&1 &
		pid=$!
		started+=("$pid")
		export TPM2TOOLS_TCTI="swtpm:host=127.0.0.1,port=$port"
		local deadline=$((SECONDS + 10))
		until tpm2_pcrread sha256:0 >/dev/null 2>&1; do
			if ! kill -0 "$pid" 2>/dev/null || [ $SECONDS -ge $deadline ]; then continue 2; fi
			sleep 0.1
		done
		return 0
	done
	return 1
}
tpm_quote() {
	# Without a resource manager the TPM has room for three objects.
	tpm2_createek -Q -c "$work/ek.ctx" -G ecc && tpm2_flushcontext -t && tpm2_createak -Q -C "$work/ek.ctx" -c "$work/ak.ctx" -G ecc -g sha256 \
		-s ecdsa -u "$work/ak.pem" -f pem -n "$work/ak.name" &&
		tpm2_flushcontext -t &&
		tpm2_pcrextend "8:sha256=$(sha256sum <"$work/init.toml" | cut -c1-64)" &&
		tpm2_quote -Q -c "$work/ak.ctx" -l sha256:0,7,8 -q "$nonce" -m "$work/quote.msg" -s "$work/quote.sig" \
			-o "$work/quote.pcrs" -F values -g sha256
}
nonce=$(printf '5a%.0s' {1..48})
printf 'version = "0.1.0"\nalgorithm = "sha256"\n[data]\n' >"$work/init.toml"
if ! command -v swtpm >/dev/null || ! command -v tpm2_quote >/dev/null; then
	skip "a TPM's quote" "swtpm or tpm2-tools is not installed"
elif passes "an emulated TPM starts" tpm_start && passes "it quotes" tpm_quote; then
	quote=("$work/quote.msg" --signature "$work/quote.sig" --pcrs "$work/quote.pcrs")
	passes "a TPM's quote, bound to its nonce and its init data" exits 0 '^affirming' tpm "${quote[@]}" \
		--certs "$work/ak.pem" --report-data "$nonce" --init-data "$work/init.toml"
	passes "another nonce" exits 6 'FAIL +report data' tpm "${quote[@]}" --certs "$work/ak.pem" --report-data 5a5b
	openssl genpkey -algorithm RSA -out "$work/result.key" 2>/dev/null
	openssl pkey -in "$work/result.key" -pubout -out "$work/result.pub"
	from_base64url() { local text; text=$(tr -- '-_' '+/'); printf '%s' "$text$(printf '%*s' $(((4 - ${#text} % 4) % 4)) '' | tr ' ' =)" | base64 -d; }
	eat() {
		kbs-verify tpm "${quote[@]}" --certs "$work/ak.pem" --report-data "$nonce" --eat "$work/result.key" >"$work/eat" || return
		tr -d '\n' <"$work/eat" | sed 's/\.[^.]*$//' >"$work/eat.input"
		sed 's/.*\.//' "$work/eat" | from_base64url >"$work/eat.sig"
		openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -verify "$work/result.pub" \
			-signature "$work/eat.sig" "$work/eat.input"
	}
	passes "a signed attestation result, which OpenSSL verifies" eat
	eat_says() { cut -d. -f2 "$work/eat" | from_base64url | jq -r "$1"; }
	equal "it says how the quote was judged" affirming "$(eat_says '.submods.cpu0["ear.status"]')"
	equal "and what it was bound to" "$nonce" \
		"$(eat_says '.submods.cpu0["ear.veraison.annotated-evidence"].report_data')"
	passes "a public key signs no result" exits 2 "private key" tpm "${quote[@]}" --certs "$work/ak.pem" --eat "$work/result.pub"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null | openssl pkey -pubout >"$work/other.pem"
	passes "a key that is not trusted" exits 7 'FAIL +quote signature' tpm "${quote[@]}" --certs "$work/other.pem"
	echo >>"$work/init.toml"
	passes "init data with one more byte" exits 6 'FAIL +init data' tpm "${quote[@]}" --certs "$work/ak.pem" \
		--init-data "$work/init.toml"
fi

# --- real evidence ------------------------------------------------------------------------------------------------
if [ ! -r "$tdx" ]; then
	skip "real evidence" "no fixtures beside the source"
	tap_end
	exit
fi
july=2025-07-01T00:00:00Z
start_until '^listening on ([0-9]+)' "$work/pcs.log" python3 "$TOP_SRCDIR/tests/support/pcs_double.py" "$bundle"
pcs=http://127.0.0.1:${matched##* }
passes "kbs-collateral fetches what a quote needs" kbs-collateral "$tdx" --service "$pcs" --root-crl "$pcs/root.der" \
	--out "$work/fetched.json"
passes "with it the quote is affirmed" exits 0 '^affirming; TCB: UpToDate$' \
	tdx "$tdx" --collateral "$work/fetched.json" --time $july
equal "it asked for this platform" 1 "$(grep -c '^/tdx/certification/v4/tcb?fmspc=[0-9a-f]\{12\}$' "$work/pcs.log")"
not_known() { kbs-collateral "$tdx" --service "$pcs/elsewhere" --out "$work/none.json" 2>"$work/err1" || [ $? = 6 ]; }
passes "a service that does not know the platform" not_known
equal "leaves no bundle" no "$([ -e "$work/none.json" ] && echo yes || echo no)"
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
