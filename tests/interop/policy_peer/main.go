// Judges an image of a registry on loopback, by several policies, as containers' tools do:
// policy-peer REGISTRIES.D IMAGE POLICY...
package main

import (
	"context"
	"fmt"
	"os"

	_ "go.podman.io/image/v5/directory"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/image"
	_ "go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

func judge(policy, registriesD, name string) error {
	ctx := context.Background()
	p, err := signature.NewPolicyFromFile(policy)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	pc, err := signature.NewPolicyContext(p)
	if err != nil {
		return err
	}
	defer func() { _ = pc.Destroy() }()
	ref, err := docker.ParseReference("//" + name)
	if err != nil {
		return err
	}
	sys := &types.SystemContext{RegistriesDirPath: registriesD, DockerInsecureSkipTLSVerify: types.OptionalBoolTrue}
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return err
	}
	defer src.Close()
	allowed, err := pc.IsRunningImageAllowed(ctx, image.UnparsedInstance(src, nil))
	if err == nil && !allowed {
		err = fmt.Errorf("not allowed")
	}
	return err
}

func main() {
	status := 0
	for _, policy := range os.Args[3:] {
		if err := judge(policy, os.Args[1], os.Args[2]); err != nil {
			fmt.Printf("no %s: %v\n", policy, err)
			status = 5
		} else {
			fmt.Printf("yes %s\n", policy)
		}
	}
	os.Exit(status)
}
