# shellcheck shell=bash disable=SC2154 # for scripts/bench
# What an image costs from its encrypted layers to a root file system, beside skopeo with umoci, and beside tar alone.
# shellcheck source=tests/support/skopeo_peer.sh
. "$top/tests/support/skopeo_peer.sh"

# image_space: a folder in memory that holds what is needed, else on disk; sets image_mib to what fits.
image_space() {
	local free
	image_mib=$image_size
	free=$(df -Pm /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
	[ "$(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)" -gt "${free:-0}" ] ||
		free=$(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	# Layers four times, packed, and the files of two root file systems, for a moment.
	[ $((image_mib * 4)) -lt "${free:-0}" ] || image_mib=$((${free:-0} / 4 - 64))
	[ "$image_mib" -ge 64 ] || { echo "(/dev/shm has no room)"; return 1; }
	space=$(mktemp -d /dev/shm/kbs-bench.XXXXXX)
	trap 'rm -rf "$space"; finish' EXIT
}

# The files of /usr, as many as fit, in four lists of about the same size.
image_lists() {
	touch "$space"/list{0,1,2,3}
	find /usr -xdev \( -type f -o -type l -o -type d \) -printf '%s %p\n' 2>/dev/null | LC_ALL=C sort -k2 |
		awk -v max=$((image_mib << 20)) -v to="$space/list" '
			{ size = $1; sub(/^[0-9]+ /, ""); if (total + size > max) exit; total += size; files++; print > (to int(total * 3.999 / max)) }
			END { print int(total / 1048576), files }'
}

# image_layout DIR FORM: of $space/N.FORM, whose archives have the digests in $space/N.id.
image_layout() {
	python3 - "$space" "$1" "$2" <<'PY'
import hashlib, json, os, sys
space, layout, form = sys.argv[1:]
os.makedirs(layout + "/blobs/sha256")
def put(data, kind):
    digest = hashlib.sha256(data).hexdigest()
    open(layout + "/blobs/sha256/" + digest, "wb").write(data)
    return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data)}
layers, ids = [], []
for n in range(4):
    layers.append(put(open("%s/%d.%s" % (space, n, form), "rb").read(), "layer.v1.tar+" + form))
    ids.append(open("%s/%d.id" % (space, n)).read().split()[0])
config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + i for i in ids]}}
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": put(json.dumps(config).encode(), "config.v1+json"), "layers": layers}
entry = put(json.dumps(manifest).encode(), "manifest.v1+json")
entry["annotations"] = {"org.opencontainers.image.ref.name": "x"}
json.dump({"schemaVersion": 2, "manifests": [entry]}, open(layout + "/index.json", "w"))
open(layout + "/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
PY
}

# measured NAME COMMAND...: once more; best[NAME] seconds, peak[NAME] MiB. What it made in $space/out goes.
declare -A best peak
measured() {
	local name=$1 seconds kib
	shift
	rm -rf "$space/out"
	"$bench/peak_rss" "$@" >"$work/out" 2>"$work/err" || { cat "$work/err"; exit 1; }
	read -r seconds kib <<<"$(tail -1 "$work/err")"
	best[$name]=$(awk -v a="$seconds" -v b="${best[$name]-}" 'BEGIN { print (b == "" || a < b + 0 ? a : b) }')
	peak[$name]=$(awk -v a="$kib" -v b="${peak[$name]-0}" 'BEGIN { a /= 1024; printf "%.1f", (a > b ? a : b) }')
}
shown() { row "$1" "$(printf '%6.2f s %7.1f MiB peak' "${best[$2]}" "${peak[$2]}")${3:+  $3}"; }
summed() { awk "BEGIN { printf \"%.2f\", ${best[$1]} + ${best[$2]} }"; }

archives_unpack() {
	local n
	mkdir "$space/out"
	for n in 0 1 2 3; do "$1" -dc "$space/$n.gzip" | tar -x -C "$space/out"; done
}

# seconds COMMAND...
seconds() {
	local TIMEFORMAT=%R
	{ time "$@" >/dev/null 2>&1; } 2>&1
}

# What no program can do without, one by one, each on one processor: SHA-256 of the layers as they come, HMAC of the same,
# their decryption, SHA-256 of the archives; unpacking them; making the files.
image_limits() {
	local packed=$1 unpacked=$2 sha hmac aes inflate files
	speed() { openssl speed -seconds 1 -bytes 65536 "$@" 2>/dev/null | awk 'END { sub(/k$/, "", $NF); print $NF / 1048.576 }'; }
	sha=$(speed -evp sha256) hmac=$(speed -hmac sha256) aes=$(speed -evp aes-256-ctr)
	inflate=$(seconds sh -c "cat $space/?.gzip | igzip -dc")
	mkdir "$space/out"
	files=$(seconds cp -a "$space/root" "$space/out/copy")
	rm -rf "$space/out"
	awk -v p="$packed" -v u="$unpacked" -v sha="$sha" -v hmac="$hmac" -v aes="$aes" -v inflate="$inflate" -v files="$files" -v ours="${best[unpack]}" '
		function line(what, s) { printf "%-58s %6.2f s\n", what, s; sum += s }
		BEGIN {
			p *= 1.048576; u *= 1.048576
			line("SHA-256 of the blobs, " int(sha) " MB/s", p / sha)
			line("HMAC-SHA256 of the blobs, " int(hmac) " MB/s", p / hmac)
			line("AES-256-CTR of the blobs, " int(aes) " MB/s", p / aes)
			line("SHA-256 of what was decrypted", p / sha)
			line("SHA-256 of the archives", u / sha)
			line("inflate (igzip -dc, to nowhere)", inflate)
			line("the files (cp -a, from memory to memory)", files)
			printf "%-58s %6.2f s: ours is %.2f times that\n", "together, over the processors", sum / '"$(nproc)"', ours / (sum / '"$(nproc)"')
		}'
}

measure_image() {
	local n turn turns=2 key unpacked files packed packing=()
	for n in umoci docker-registry igzip zstd; do
		command -v $n >/dev/null || { echo "(no $n here)"; return 0; }
	done
	image_space || return 0
	tokens_start
	find_skopeo
	if [ -n "$no_skopeo$skopeo_failed" ]; then
		echo "(Debian's skopeo: ${no_skopeo:-the current one does not build})"
		skopeo=$(command -v skopeo)
	fi
	read -r unpacked files < <(image_lists)
	head_ "an image of four layers: $files files of this machine's /usr, $unpacked MiB, $(nproc) processors, in memory"
	for n in 0 1 2 3; do
		tar -cf "$space/$n.tar" --no-recursion --ignore-failed-read -T "$space/list$n" 2>/dev/null || true
		sha256sum <"$space/$n.tar" >"$space/$n.id"
		gzip -6 -n <"$space/$n.tar" >"$space/$n.gzip" &
		packing+=($!)
	done
	wait "${packing[@]}"
	for n in 0 1 2 3; do zstd -q -3 -T0 --rm "$space/$n.tar" -o "$space/$n.zstd"; done
	packed=$(du -cm "$space"/?.gzip | tail -1 | cut -f1)
	make_key rsa:3072 image
	make_key P-256 reader
	resource_set kbs:///bench/keys/image "$work/image.key"
	conf_write "$front_url" "$(object image kbs:///bench/keys/image "$work/image.pub")"
	key=$(key_uri image)
	for n in gzip zstd; do
		image_layout "$space/plain" $n
		kbs-image copy -q --encryption-key "pkcs11:$work/image.pub" --encryption-key "jwe:$work/reader.pub" "oci:$space/plain:x" \
			"oci:$space/$n-image:x" >/dev/null
		rm -rf "$space/plain"
	done
	rm -f "$space"/?.zstd
	row "its layers, gzip" "$packed MiB"

	head_ "from oci: to a root file system: decrypted, verified, unpacked (best of $turns; goal: 6 times, zstd 8 times)"
	for ((turn = 0; turn < turns; turn++)); do
		forget
		measured unpack kbs-image unpack -q --decryption-key "$key" "oci:$space/gzip-image:x" "$space/out"
		attested=$(handshakes)
		measured unpack-zstd kbs-image unpack -q --decryption-key "$key" "oci:$space/zstd-image:x" "$space/out"
		measured copied "$skopeo" --insecure-policy copy -q --decryption-key "$work/reader.key" "oci:$space/gzip-image:x" "oci:$space/out:x"
		mv "$space/out" "$space/open"
		measured umoci umoci unpack --image "$space/open:x" "$space/out"
		rm -rf "$space/open"
		export -f archives_unpack
		export space
		for n in gzip igzip; do measured "$n" bash -euc "archives_unpack $n"; done
	done
	measured root kbs-image unpack -q --decryption-key "$key" "oci:$space/gzip-image:x" "$space/out"
	mv "$space/out" "$space/root"
	shown "kbs-image unpack" unpack
	shown "kbs-image unpack, zstd" unpack-zstd
	shown "skopeo copy" copied
	shown "umoci unpack" umoci
	row "both, gzip (umoci of Debian 12 knows no zstd)" "$(printf '%6.2f s' "$(summed copied umoci)")  $(ratio "$(summed copied umoci)" "${best[unpack]}") times kbs-image, $(ratio "$(summed copied umoci)" "${best[unpack-zstd]}") times its zstd"
	row "gzip -dc | tar -x, neither decrypts nor verifies" "$(printf '%6.2f s' "${best[gzip]}")  $(ratio "${best[gzip]}" "${best[unpack]}") times kbs-image"
	row "igzip -dc | tar -x, the same" "$(printf '%6.2f s' "${best[igzip]}")  $(ratio "${best[igzip]}" "${best[unpack]}") times kbs-image"
	row "attestations for the image" "$attested"

	head_ "what that is made of, alone on one processor"
	image_limits "$packed" "$unpacked"
	rm -rf "$space/root" "$space/zstd-image" "$space"/?.gzip

	image_registry
	image_layer
	rm -rf "$space"
}

image_registry() {
	local turn where
	head_ "the same from a registry on loopback (goal: 5 times)"
	registry_start "$space/registry"
	where=docker://$host/bench/image:x
	local registry_pid=$pid
	kbs-image copy -q --dest-tls-verify=false "oci:$space/gzip-image:x" "$where" >/dev/null
	rm -rf "$space/gzip-image"
	for ((turn = 0; turn < 2; turn++)); do
		measured pulled kbs-image unpack -q --insecure-policy --src-tls-verify=false --decryption-key "$(key_uri image)" "$where" "$space/out"
		measured fetched "$skopeo" --insecure-policy copy -q --src-tls-verify=false --decryption-key "$work/reader.key" "$where" "oci:$space/out:x"
		mv "$space/out" "$space/open"
		measured made umoci unpack --image "$space/open:x" "$space/out"
		rm -rf "$space/open"
	done
	shown "kbs-image unpack" pulled
	shown "skopeo copy" fetched
	shown "umoci unpack" made "together $(ratio "$(summed fetched made)" "${best[pulled]}") times kbs-image"
	stop "$registry_pid"
	rm -rf "$space/registry" "$space/out"
}

# One layer that is decrypted on its way.
image_layer() {
	local turn debian=/usr/bin/skopeo
	head_ "copy of one layer of 256 MiB that decrypts it (goal: 2.5 times the current skopeo, 6 times Debian's)"
	mkdir "$space/files"
	head -c 256M /dev/urandom >"$space/files/random"
	tests/support/make_image.sh "$space/image" plain --plain-layer "$space/files" >/dev/null
	kbs-image copy -q --encryption-key "jwe:$work/reader.pub" "oci:$space/image:plain" "oci:$space/layer:x" >/dev/null
	rm -rf "$space/files" "$space/image"
	for ((turn = 0; turn < 3; turn++)); do
		measured layer kbs-image copy -q --decryption-key "$work/reader.key" "oci:$space/layer:x" "oci:$space/out:x"
		measured layer-skopeo "$skopeo" --insecure-policy copy -q --decryption-key "$work/reader.key" "oci:$space/layer:x" "oci:$space/out:x"
		[ ! -x $debian ] || measured layer-debian $debian --insecure-policy copy -q --decryption-key "$work/reader.key" "oci:$space/layer:x" "oci:$space/out:x"
	done
	shown "kbs-image copy" layer
	shown "$("$skopeo" --version)" layer-skopeo "$(ratio "${best[layer-skopeo]}" "${best[layer]}") times kbs-image"
	[ ! -x $debian ] || shown "Debian's $($debian --version)" layer-debian "$(ratio "${best[layer-debian]}" "${best[layer]}") times kbs-image"
}
