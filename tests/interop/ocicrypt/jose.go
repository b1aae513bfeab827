package main

// go-jose with symmetric keys, against which the scheme kek is checked: the Go library itself has none.
//
//	peer jose-open KEYFILE <element >plain
//	peer jose-seal KEYFILE A256KW|A256GCMKW <plain >element

import (
	"errors"
	"io"
	"os"

	"github.com/go-jose/go-jose/v4"
)

func init() {
	commands["jose-open"] = joseOpen
	commands["jose-seal"] = joseSeal
}

func joseOpen(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: peer jose-open KEYFILE")
	}
	key, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	element, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	algs := []jose.KeyAlgorithm{jose.A256KW, jose.A256GCMKW}
	message, err := jose.ParseEncrypted(string(element), algs, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return err
	}
	plain, err := message.Decrypt(key)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(plain)
	return err
}

func joseSeal(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: peer jose-seal KEYFILE ALG")
	}
	key, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	plain, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	to := jose.Recipient{Algorithm: jose.KeyAlgorithm(args[1]), Key: key}
	encrypter, err := jose.NewEncrypter(jose.A256GCM, to, nil)
	if err != nil {
		return err
	}
	message, err := encrypter.Encrypt(plain)
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(message.FullSerialize())
	return err
}
