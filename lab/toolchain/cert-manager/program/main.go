// The parts of cert-manager, each under the flags that its Helm chart gives it: controller, webhook, cainjector,
// acmesolver. cert-manager's own main functions are in Go modules that no proxy serves; its packages are in one that
// is, and the path of this module lets it import the internal ones.
//
// Left out: the issuers Vault and Venafi, Ingress and Gateway API shims, CertificateSigningRequests, metrics, pprof.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	ctrl "sigs.k8s.io/controller-runtime"

	logf "github.com/cert-manager/cert-manager/pkg/logs"
)

type part func(ctx context.Context, flags *pflag.FlagSet, arguments []string) error

var parts = map[string]part{
	"controller": controller,
	"webhook":    webhook,
	"cainjector": cainjector,
	"acmesolver": acmesolver,
}

func main() {
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: cert-manager controller|webhook|cainjector|acmesolver [FLAGS]")
		os.Exit(2)
	}
	logf.InitLogs()
	ctrl.SetLogger(logf.Log)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	name := os.Args[1]
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	if err := parts[name](logf.NewContext(ctx, logf.Log), flags, os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "cert-manager %s: %v\n", name, err)
		os.Exit(1)
	}
}
