#!/usr/bin/env bash
# Reference values as whoever publishes firmware makes them, and as anyone checks them: Debian's OVMF, in every form.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

firmware=/usr/share/ovmf/OVMF.fd
if [ ! -e $firmware ]; then
	skip "reference values" "no package ovmf"
	tap_end
	exit
fi
mr_td=$(kbs-attest measure tdx $firmware)
openssl ecparam -name prime256v1 -genkey -noout -out "$work/key.pem"
openssl req -new -x509 -key "$work/key.pem" -subj "/O=Example/CN=Firmware" -out "$work/cert.pem" 2>/dev/null
openssl genpkey -algorithm ed25519 -out "$work/other.pem"
openssl pkey -in "$work/other.pem" -pubout -out "$work/other.pub"
said=(--vmm-version 8.2 --svn 3 --not-before 2026-01-01T00:00:00Z --not-after 2026-12-31T00:00:00Z)
at=(--time 2026-06-01T00:00:00Z)
cp $firmware "$work/changed.fd"
printf X | dd of="$work/changed.fd" bs=1 seek=100000 conv=notrunc status=none

# --- every form -----------------------------------------------------------------------------------------------------
for form in json rvps corim; do
	by=() who=
	[ $form != corim ] || by=(--signer Example) who='signer says Example; '
	kbs-attest measure tdx $firmware --format $form --out "$work/tdx.$form" "${said[@]}" "${by[@]}"
	passes "$form: the MRTD is that of the firmware" kbs-attest reference check "$work/tdx.$form" $firmware "${at[@]}"
	equal "$form: and it is said" "match: mr_td $mr_td; ${who}not signed" "$(cat "$work/out")"
	refuses "$form: one byte of the firmware changes" 5 "SHA-256 of the firmware: the document says" \
		kbs-attest reference check "$work/tdx.$form" "$work/changed.fd" "${at[@]}"
	refuses "$form: too early" 5 "not valid yet" \
		kbs-attest reference check "$work/tdx.$form" $firmware --time 2025-12-31T23:59:59Z
	refuses "$form: too late" 5 "no longer valid" \
		kbs-attest reference check "$work/tdx.$form" $firmware --time 2027-01-01T00:00:00Z
	refuses "$form: not signed where a key is named" 7 "not signed" \
		kbs-attest reference check "$work/tdx.$form" $firmware "${at[@]}" --key "$work/cert.pem"
	kbs-attest measure snp $firmware --vcpus 4 --vcpu-type EPYC-v4 --format $form --out "$work/snp.$form" "${by[@]}"
	passes "$form: the launch digest is that of the firmware" kbs-attest reference check "$work/snp.$form" $firmware
	refuses "$form: no kernel is in it" 5 "not about a kernel" \
		kbs-attest reference check "$work/snp.$form" $firmware --kernel "$work/key.pem"
done
equal "what a document says" '["tdx","OVMF.fd",2097152,"sha-384","interleaved","qemu","8.2",3,"2026-01-01T00:00:00Z"]' \
	"$(jq -c '[.tee,.firmware.name,.firmware.size,.measurement.algorithm,.page_order,.vmm.name,.vmm.version,.svn,.not_before]' "$work/tdx.json")"
equal "and for whom virtual processors count" '[4,"EPYC-v4","0x1"]' "$(jq -c '[.vcpus.count,.vcpus.type,.features]' "$work/snp.json")"
jq -c '.vcpus.count = 3' "$work/snp.json" >"$work/3.json"
refuses "another number of processors" 5 "snp_launch_measurement: the document says" kbs-attest reference check "$work/3.json" $firmware
jq -c '.page_order = "two-pass"' "$work/tdx.json" >"$work/order.json"
refuses "another order of pages" 5 "mr_td: the document says" kbs-attest reference check "$work/order.json" $firmware "${at[@]}"
jq -c '.surprise = 1' "$work/tdx.json" >"$work/more.json"
refuses "a member that nobody knows" 8 "surprise" kbs-attest reference check "$work/more.json" $firmware "${at[@]}"
jq -c '.payload = ({mr_td: ["00"]} | tojson | @base64)' "$work/tdx.rvps" >"$work/two.rvps"
refuses "RVPS would take another value than the document's" 8 "not the document's" \
	kbs-attest reference check "$work/two.rvps" $firmware "${at[@]}"
jq -c 'del(.document)' "$work/tdx.rvps" >"$work/bare.rvps"
refuses "values alone" 8 "computed from" kbs-attest reference check "$work/bare.rvps" $firmware

# --- a kernel that is booted directly: a small image of the project's own has a page for its hash ------------------------
direct=$TOP_SRCDIR/tests/vectors/measure/ovmf.bin
printf kernel >"$work/kernel"
printf initrd >"$work/initrd"
boot=(--kernel "$work/kernel" --initrd "$work/initrd" --append console=ttyS0)
for form in json rvps corim; do
	kbs-attest measure snp "$direct" --vcpus 3 --vcpu-type EPYC-Milan --features 0x21 "${boot[@]}" --format $form \
		--signer Example --out "$work/direct.$form"
	passes "$form: the hashes are enough" kbs-attest reference check "$work/direct.$form" "$direct"
	passes "$form: kernel, initrd and command line are those" kbs-attest reference check "$work/direct.$form" "$direct" "${boot[@]}"
	refuses "$form: another kernel" 5 "kernel: the document says" \
		kbs-attest reference check "$work/direct.$form" "$direct" --kernel "$work/initrd"
	refuses "$form: another command line" 5 "command line: the document says" \
		kbs-attest reference check "$work/direct.$form" "$direct" --append quiet
done

# --- by the VMM -----------------------------------------------------------------------------------------------------
digest_by() { kbs-attest measure snp "$direct" --vcpus 2 --vmm "$@"; }
equal "each VMM has a value of its own" 3 "$(for vmm in "qemu --vcpu-type EPYC" ec2 gce; do
	# shellcheck disable=SC2086 # two words
	digest_by $vmm
done | sort -u | wc -l)"
refuses "QEMU's processors have a type" 2 "vcpu-type" digest_by qemu
refuses "a VMM that is not known" 2 "qemu, ec2, gce or igvm" digest_by xen
for form in json rvps corim; do
	kbs-attest measure snp "$direct" --vcpus 2 --vmm ec2 --format $form --signer Example --out "$work/ec2.$form"
	passes "$form: EC2's value" kbs-attest reference check "$work/ec2.$form" "$direct"
done
jq -c '.vmm.name = "gce"' "$work/ec2.json" >"$work/gce.json"
refuses "another VMM" 5 "snp_launch_measurement: the document says" kbs-attest reference check "$work/gce.json" "$direct"

# --- IGVM -----------------------------------------------------------------------------------------------------------
igvm=$TOP_SRCDIR/tests/vectors/measure/guest.igvm
for form in json rvps corim; do
	for tee in tdx snp; do
		kbs-attest measure $tee "$igvm" --format $form --signer Example --vmm igvm --out "$work/igvm.$tee.$form"
		passes "$form: an IGVM file's value for $tee" kbs-attest reference check "$work/igvm.$tee.$form" "$igvm"
	done
done
equal "what is in the file is not in the document" '["igvm",null,null,null]' \
	"$(jq -c '[.firmware.format,.vcpus,.features,.page_order]' "$work/igvm.snp.json")"
jq -c '.vmm.name = "qemu"' "$work/igvm.snp.json" >"$work/igvm.qemu.json"
refuses "QEMU takes empty pages for something else" 5 "snp_launch_measurement: the document says" \
	kbs-attest reference check "$work/igvm.qemu.json" "$igvm"
equal "which is said" "kbs-attest: QEMU launches this file with another value: --vmm qemu" \
	"$(kbs-attest measure snp "$igvm" 2>&1 >"$work/out")"
equal "and the first line is the value all the same" 96 "$(head -n 1 "$work/out" | tr -d '\n' | wc -c)"
jq -c 'del(.firmware.format)' "$work/igvm.tdx.json" >"$work/igvm.no.json"
refuses "a document that does not say that it is one" 8 "page_order" kbs-attest reference check "$work/igvm.no.json" "$igvm"
refuses "processors are in the file" 2 "in it" kbs-attest measure snp "$igvm" --vcpus 1 --vcpu-type EPYC-v4
refuses "and the order of pages" 2 "order of its own" kbs-attest measure tdx "$igvm" --two-pass
refuses "nobody knows how EC2 loads it" 8 "not known" kbs-attest measure snp "$igvm" --vmm ec2
refuses "an ID block alone is nothing for TDX" 8 "nothing for TDX" kbs-attest measure tdx "${igvm%/*}/id-block.igvm"
{ head -c 40 "$igvm" && printf X && tail -c +42 "$igvm"; } >"$work/igvm"
refuses "a header changed" 7 "checksum" kbs-attest measure tdx "$work/igvm"
head -c 20000 "$igvm" >"$work/igvm"
refuses "cut off" 8 "there are 20000" kbs-attest measure tdx "$work/igvm"

# --- a TD, in one hash ----------------------------------------------------------------------------------------------
python=/usr/bin/python3
td=(--attributes 0000001000000000 --xfam e702060000000000)
# tee_info RTMRS MRCONFIGID: SHA-384 over TDINFO_STRUCT, put together here.
tee_info() {
	printf '%s' "0000001000000000e702060000000000$mr_td$2$(printf '0%.0s' {1..192})$1$(printf '0%.0s' {1..224})" |
		$python -c 'import hashlib, sys; print(hashlib.sha384(bytes.fromhex(sys.stdin.read())).hexdigest())'
}
equal "a TD that has measured nothing yet" "$(tee_info "$(printf '0%.0s' {1..384})" "$(printf '0%.0s' {1..96})")" \
	"$(kbs-attest measure tee-info $firmware "${td[@]}")"
refuses "its attributes are wanted" 2 "attributes" kbs-attest measure tee-info $firmware --xfam 00
refuses "all eight bytes of them" 2 "8 bytes" kbs-attest measure tee-info $firmware --attributes 00 --xfam 00
refuses "what is no event log" 8 "event log" kbs-attest measure rtmr $firmware
ccel=$TOP_SRCDIR/../shared/fixtures/ccel/CCEL_data_ovmf
if [ -e "$ccel" ]; then
	registers=$(kbs-attest measure rtmr "$ccel")
	equal "four registers" "rtmr_0 rtmr_1 rtmr_2 rtmr_3" "$(cut -d' ' -f1 <<<"$registers" | paste -sd' ')"
	config=$(printf 'ab%.0s' {1..48})
	equal "and with them" "$(tee_info "$(cut -d' ' -f2 <<<"$registers" | tr -d '\n')" "$config")" \
		"$(kbs-attest measure tee-info $firmware "${td[@]}" --event-log "$ccel" --mr-config-id "$config")"
else
	skip "a TD's registers" "no fixtures"
fi

# --- CoRIM of another's making: it names values, and not what they come from ---------------------------------------------
foreign=$TOP_SRCDIR/tests/vectors/references/foreign.corim
passes "a CoRIM of another names what the file measures as" kbs-attest reference check "$foreign" "$igvm" --time 2026-06-01T00:00:00Z
equal "for TDX, which it looks for first" "match: mr_td $(kbs-attest measure tdx "$igvm"); not signed" "$(cat "$work/out")"
refuses "nor an IGVM file for SEV-SNP alone" 5 "names 4 values, and none" \
	kbs-attest reference check "$foreign" "${igvm%/*}/id-block.igvm" --time 2026-06-01T00:00:00Z
refuses "other firmware" 5 "names 4 values, and none" kbs-attest reference check "$foreign" $firmware --time 2026-06-01T00:00:00Z
refuses "its validity counts" 5 "no longer valid" kbs-attest reference check "$foreign" "$igvm" --time 2027-06-01T00:00:00Z
refuses "a key is asked for" 7 "not signed" kbs-attest reference check "$foreign" "$igvm" --key "$work/cert.pem"
refuses "values that only some keys may sign" 8 "only some keys" \
	kbs-attest reference check "${foreign%.corim}-authorized.corim" "$igvm" --time 2026-06-01T00:00:00Z

# --- CoRIM, as another implementation reads it ----------------------------------------------------------------------
refuses "a CoRIM names its signer" 2 "signer" kbs-attest measure tdx $firmware --format corim
refuses "a CoRIM that begins also ends" 2 "not-after" \
	kbs-attest measure tdx $firmware --format corim --signer x --not-before 2026-01-01T00:00:00Z
if $python -c 'import cbor2' 2>/dev/null; then
	passes "CoRIM: tags, triples and hashes" $python "$TOP_SRCDIR/tests/support/corim_check.py" "$work/tdx.corim" \
		"$mr_td" "$(sha256sum <$firmware | cut -d' ' -f1)"
	$python -c 'import sys
whole = sys.stdin.buffer.read()
at = whole.index(bytes.fromhex(sys.argv[2]))
open(sys.argv[1], "wb").write(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])' \
		"$work/spoilt" "$mr_td" <"$work/tdx.corim"
	head -c 300 "$work/tdx.corim" >"$work/spoilt.cut"
	refuses "CoRIM: one byte of the value changes" 8 "do not agree" kbs-attest reference check "$work/spoilt" $firmware "${at[@]}"
	refuses "CoRIM: cut off" 8 "CBOR" kbs-attest reference check "$work/spoilt.cut" $firmware "${at[@]}"
else
	skip "CoRIM: tags, triples and hashes" "no python3-cbor2"
fi

# --- signed ---------------------------------------------------------------------------------------------------------
for form in json corim; do
	for kind in ec:prime256v1 ec:secp384r1 ed25519 rsa; do
		case $kind in
		ec:*) openssl ecparam -name "${kind#ec:}" -genkey -noout -out "$work/key.pem" ;;
		rsa) openssl genrsa -out "$work/key.pem" 2048 2>/dev/null ;;
		*) openssl genpkey -algorithm "$kind" -out "$work/key.pem" ;;
		esac
		openssl req -new -x509 -key "$work/key.pem" -subj "/O=Example/CN=Firmware" -out "$work/cert.pem" 2>/dev/null
		kbs-attest measure tdx $firmware --format $form --out "$work/tdx.signed" "${said[@]}" \
			--sign "$work/key.pem" --certificate "$work/cert.pem"
		passes "$form, $kind: it holds" \
			kbs-attest reference check "$work/tdx.signed" $firmware "${at[@]}" --key "$work/cert.pem"
		equal "$form, $kind: by whom" \
			"match: mr_td $mr_td; signer says CN=Firmware,O=Example; the signature holds" "$(cat "$work/out")"
		[ $form = json ] || ! $python -c 'import cbor2' 2>/dev/null ||
			passes "$form, $kind: for others as well" $python "$TOP_SRCDIR/tests/support/corim_check.py" \
				"$work/tdx.signed" "$mr_td" "$(sha256sum <$firmware | cut -d' ' -f1)" "$work/cert.pem"
	done
	openssl genrsa 2048 2>/dev/null | openssl pkey -pubout -out "$work/stranger.pub"
	refuses "$form: by another key" 7 "does not hold" \
		kbs-attest reference check "$work/tdx.signed" $firmware "${at[@]}" --key "$work/stranger.pub"
	refuses "$form: by a key of another kind" 7 "does not belong" \
		kbs-attest reference check "$work/tdx.signed" $firmware "${at[@]}" --key "$work/other.pub"
	passes "$form: unchecked, and said so" kbs-attest reference check "$work/tdx.signed" $firmware "${at[@]}"
	equal "$form: not checked" "signed, and not checked: no --key" "$(sed 's/.*; //' "$work/out")"
done
refuses "a certificate of another key" 9 "not the signing key's" \
	kbs-attest measure tdx $firmware --format json --sign "$work/other.pem" --certificate "$work/cert.pem"
refuses "RVPS is not signed" 2 "no signature" kbs-attest measure tdx $firmware --format rvps --sign "$work/key.pem"
refuses "a value alone is not signed" 2 "format" kbs-attest measure tdx $firmware --sign "$work/key.pem"

# --- for kbs-verify -------------------------------------------------------------------------------------------------
quote=$TOP_SRCDIR/../shared/fixtures/tdx/tdx_quote_4.dat
if [ -e "$quote" ]; then
	kbs-verify tdx "$quote" --reference "$work/tdx.rvps" --json >"$work/verdict" 2>&1 || true
	passes "kbs-verify takes the document and compares the value" grep -q "$mr_td" "$work/verdict"
else
	skip "kbs-verify takes the document and compares the value" "no fixtures"
fi
tap_end
