// Encrypts and decrypts one layer with the Go library, for tests/interop/ocicrypt.sh.
//
//	peer encrypt ANNOTATIONS KEY... <plain >encrypted
//	peer decrypt ANNOTATIONS KEY... <encrypted >plain
//
// KEY is in skopeo's grammar. ANNOTATIONS is a file of lines "key=value".
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/containers/ocicrypt"
	"github.com/containers/ocicrypt/helpers"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func encrypt(file string, keys []string) error {
	cc, err := helpers.CreateCryptoConfig(keys, nil)
	if err != nil {
		return err
	}
	plain, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	desc := v1.Descriptor{Digest: digest.NewDigestFromBytes(digest.SHA256, sum(plain))}
	reader, finalizer, err := ocicrypt.EncryptLayer(cc.EncryptConfig, bytes.NewReader(plain), desc)
	if err != nil {
		return err
	}
	if _, err = io.Copy(os.Stdout, reader); err != nil {
		return err
	}
	annotations, err := finalizer()
	if err != nil {
		return err
	}
	var lines []string
	for key, value := range annotations {
		lines = append(lines, key+"="+value+"\n")
	}
	sort.Strings(lines)
	return os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600)
}

func sum(data []byte) []byte {
	s := sha256.Sum256(data)
	return s[:]
}

func decrypt(file string, keys []string) error {
	cc, err := helpers.CreateDecryptCryptoConfig(keys, nil)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	desc := v1.Descriptor{Annotations: map[string]string{}}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		key, value, _ := strings.Cut(line, "=")
		desc.Annotations[key] = value
	}
	reader, _, err := ocicrypt.DecryptLayer(cc.DecryptConfig, os.Stdin, desc, false)
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, reader)
	return err
}

// Other commands, of versions that have what they need.
var commands = map[string]func([]string) error{"bench": bench}

// bench MIB ROUNDS PUBLIC PRIVATE: decrypts a layer in memory and prints the best rate in MB/s.
func bench(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: peer bench MIB ROUNDS PUBLIC PRIVATE")
	}
	mib, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	rounds, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ec, err := helpers.CreateCryptoConfig([]string{args[2]}, nil)
	if err != nil {
		return err
	}
	dc, err := helpers.CreateDecryptCryptoConfig([]string{args[3]}, nil)
	if err != nil {
		return err
	}
	plain := make([]byte, mib<<20)
	reader, finalizer, err := ocicrypt.EncryptLayer(ec.EncryptConfig, bytes.NewReader(plain),
		v1.Descriptor{Digest: digest.FromBytes(plain)})
	if err != nil {
		return err
	}
	layer, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	annotations, err := finalizer()
	if err != nil {
		return err
	}
	desc := v1.Descriptor{Annotations: annotations}
	piece := make([]byte, 128*1024)
	best := 0.0
	for i := 0; i < rounds; i++ {
		begin := time.Now()
		open, _, err := ocicrypt.DecryptLayer(dc.DecryptConfig, bytes.NewReader(layer), desc, false)
		if err != nil {
			return err
		}
		for err == nil {
			_, err = open.Read(piece)
		}
		if err != io.EOF {
			return err
		}
		if rate := float64(len(plain)) / 1e6 / time.Since(begin).Seconds(); rate > best {
			best = rate
		}
	}
	fmt.Printf("%.0f\n", best)
	return nil
}

func main() {
	if len(os.Args) > 1 && commands[os.Args[1]] != nil {
		if err := commands[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "peer:", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: peer encrypt|decrypt ANNOTATIONS KEY...")
		os.Exit(2)
	}
	run := map[string]func(string, []string) error{"encrypt": encrypt, "decrypt": decrypt}[os.Args[1]]
	if run == nil {
		os.Exit(2)
	}
	if err := run(os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}
