package main

import (
	"context"

	"github.com/spf13/pflag"

	internalwebhook "github.com/cert-manager/cert-manager/internal/webhook"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/webhook/options"
)

func webhook(ctx context.Context, flags *pflag.FlagSet, arguments []string) error {
	conf, err := options.NewWebhookConfiguration()
	if err != nil {
		return err
	}
	options.AddConfigFlags(flags, conf)
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	conf.MetricsListenAddress = "0"
	server, err := internalwebhook.NewCertManagerWebhookServer(logf.FromContext(ctx, "webhook"), *conf)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}
