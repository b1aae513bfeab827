// The other side of key providers, for tests/interop/keyprovider.sh: a server as Go programs are, with the Go library's own
// protobuf service and gRPC, and a client of containerd's ttrpc.
//
//	keyprovider-peer serve ADDRESS [CERTIFICATE KEY [CLIENT-CA]]
//	keyprovider-peer ttrpc SOCKET wrap|unwrap|bad COUNT <request >answer
//
// The server wraps by turning the bits over: whoever asks must say the right thing. "ttrpc" sends COUNT requests at once on
// one connection and wants as many answers; what was unwrapped must be the same each time.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/containers/ocicrypt/keywrap/keyprovider"
	pb "github.com/containers/ocicrypt/utils/keyprovider"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

const service = "keyprovider.KeyProviderService"

type provider struct {
	pb.UnimplementedKeyProviderServiceServer
}

func flip(from []byte) []byte {
	to := make([]byte, len(from))
	for i := range from {
		to[i] = ^from[i]
	}
	return to
}

func answer(output keyprovider.KeyProviderKeyWrapProtocolOutput) (*pb.KeyProviderKeyWrapProtocolOutput, error) {
	text, err := json.Marshal(output)
	return &pb.KeyProviderKeyWrapProtocolOutput{KeyProviderKeyWrapProtocolOutput: text}, err
}

func (*provider) WrapKey(_ context.Context, in *pb.KeyProviderKeyWrapProtocolInput) (*pb.KeyProviderKeyWrapProtocolOutput, error) {
	var input keyprovider.KeyProviderKeyWrapProtocolInput
	if err := json.Unmarshal(in.KeyProviderKeyWrapProtocolInput, &input); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if input.Operation != keyprovider.OpKeyWrap || len(input.KeyWrapParams.Ec.Parameters["go"]) == 0 {
		return nil, status.Error(codes.InvalidArgument, "no request to wrap for \"go\"")
	}
	args := string(input.KeyWrapParams.Ec.Parameters["go"][0])
	if strings.HasPrefix(args, "fail:") {
		return nil, status.Error(codes.NotFound, "there is no key \u201c"+args[5:]+"\u201d, 100% sure")
	}
	if args == "slow" {
		time.Sleep(5 * time.Second)
	}
	return answer(keyprovider.KeyProviderKeyWrapProtocolOutput{
		KeyWrapResults: keyprovider.KeyWrapResults{Annotation: flip(input.KeyWrapParams.OptsData)}})
}

func (*provider) UnWrapKey(_ context.Context, in *pb.KeyProviderKeyWrapProtocolInput) (*pb.KeyProviderKeyWrapProtocolOutput, error) {
	var input keyprovider.KeyProviderKeyWrapProtocolInput
	if err := json.Unmarshal(in.KeyProviderKeyWrapProtocolInput, &input); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if input.Operation != keyprovider.OpKeyUnwrap {
		return nil, status.Error(codes.InvalidArgument, "no request to unwrap")
	}
	return answer(keyprovider.KeyProviderKeyWrapProtocolOutput{
		KeyUnwrapResults: keyprovider.KeyUnwrapResults{OptsData: flip(input.KeyUnwrapParams.Annotation)}})
}

func serve(address string, files []string) error {
	var options []grpc.ServerOption
	if len(files) >= 2 {
		pair, err := tls.LoadX509KeyPair(files[0], files[1])
		if err != nil {
			return err
		}
		config := &tls.Config{Certificates: []tls.Certificate{pair}}
		if len(files) == 3 {
			text, err := os.ReadFile(files[2])
			if err != nil {
				return err
			}
			config.ClientCAs = x509.NewCertPool()
			config.ClientCAs.AppendCertsFromPEM(text)
			config.ClientAuth = tls.RequireAndVerifyClientCert
		}
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	server := grpc.NewServer(options...)
	pb.RegisterKeyProviderServiceServer(server, &provider{})
	fmt.Println("listening on " + listener.Addr().String())
	return server.Serve(listener)
}

func connect(socket string) (*ttrpc.Client, error) {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return ttrpc.NewClient(connection), nil
}

func callTtrpc(socket, operation string, count int) error {
	request, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	client, err := connect(socket)
	if err != nil {
		return err
	}
	defer client.Close()
	method := "UnWrapKey"
	if operation == "wrap" {
		method = "WrapKey"
	}
	answers := make([][]byte, count)
	errs := make([]error, count)
	var all sync.WaitGroup
	for i := range answers {
		all.Add(1)
		go func() {
			defer all.Done()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			var output pb.KeyProviderKeyWrapProtocolOutput
			errs[i] = client.Call(ctx, service, method,
				&pb.KeyProviderKeyWrapProtocolInput{KeyProviderKeyWrapProtocolInput: request}, &output)
			answers[i] = output.KeyProviderKeyWrapProtocolOutput
		}()
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i := range answers {
		if len(answers[i]) == 0 || operation == "unwrap" && string(answers[i]) != string(answers[0]) {
			return fmt.Errorf("answer %d is another", i)
		}
	}
	_, err = os.Stdout.Write(answers[0])
	return err
}

func run(args []string) error {
	switch {
	case len(args) >= 2 && args[0] == "serve":
		return serve(args[1], args[2:])
	case len(args) == 4 && args[0] == "ttrpc":
		count, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		return callTtrpc(args[1], args[2], count)
	}
	return errors.New("usage: see the source")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "keyprovider-peer:", err)
		os.Exit(1)
	}
}
