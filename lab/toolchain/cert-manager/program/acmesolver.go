package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/spf13/pflag"

	"github.com/cert-manager/cert-manager/pkg/issuer/acme/http/solver"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
)

func acmesolver(ctx context.Context, flags *pflag.FlagSet, arguments []string) error {
	server := &solver.HTTP01Solver{}
	flags.IntVar(&server.ListenPort, "listen-port", 8089, "")
	flags.StringVar(&server.Domain, "domain", "", "")
	flags.StringVar(&server.Token, "token", "", "")
	flags.StringVar(&server.Key, "key", "", "")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Listen(logf.FromContext(ctx, "acmesolver")); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
