package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/component-base/logs"

	ctrl "github.com/cert-manager/cert-manager/pkg/controller"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmechallenges"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmeorders"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/acme"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	dnsutil "github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
)

const healthAddress = ":9403"

func controller(ctx context.Context, flags *pflag.FlagSet, arguments []string) error {
	var leases string
	opts, logging := defaults(), logs.NewOptions()
	flags.StringVar(&opts.ClusterResourceNamespace, "cluster-resource-namespace", "kube-system", "")
	flags.StringVar(&leases, "leader-election-namespace", "kube-system", "")
	flags.StringVar(&opts.HTTP01SolverImage, "acme-http01-solver-image", "", "")
	flags.IntVar(&opts.MaxConcurrentChallenges, "max-concurrent-challenges", 60, "")
	flags.StringSliceVar(&opts.DNS01Nameservers, "dns01-recursive-nameservers", opts.DNS01Nameservers, "")
	onlyRecursive := flags.Bool("dns01-recursive-nameservers-only", false, "")
	flags.BoolVar(&opts.EnableOwnerRef, "enable-certificate-owner-ref", false, "")
	logf.AddFlags(logging, flags)
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	opts.DNS01CheckAuthoritative = !*onlyRecursive
	factory, err := ctrl.NewContextFactory(ctx, opts)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return healthy(ctx) })
	group.Go(func() error { return asLeader(ctx, factory, leases) })
	return group.Wait()
}

// defaults are those of cert-manager's configuration. The package that holds them imports all issuers, Venafi's
// among them, whose client no proxy serves.
func defaults() ctrl.ContextOptions {
	return ctrl.ContextOptions{
		KubernetesAPIQPS:   20,
		KubernetesAPIBurst: 50,
		IssuerOptions:      ctrl.IssuerOptions{ClusterIssuerAmbientCredentials: true},
		ACMEOptions: ctrl.ACMEOptions{
			HTTP01SolverResourceRequestCPU:    resource.MustParse("10m"),
			HTTP01SolverResourceRequestMemory: resource.MustParse("64Mi"),
			HTTP01SolverResourceLimitsCPU:     resource.MustParse("100m"),
			HTTP01SolverResourceLimitsMemory:  resource.MustParse("64Mi"),
			ACMEHTTP01SolverRunAsNonRoot:      true,
			DNS01Nameservers:                  dnsutil.RecursiveNameservers,
			DNS01CheckRetryPeriod:             10 * time.Second,
		},
		CertificateOptions: ctrl.CertificateOptions{
			CertificateRequestMinimumBackoffDuration: time.Hour,
			CertificateRequestMaximumBackoffDuration: 32 * time.Hour,
		},
	}
}

// asLeader runs every controller that is compiled in while this pod holds the lease, and ends the process when it
// loses it.
func asLeader(ctx context.Context, factory *ctrl.ContextFactory, leases string) error {
	base, err := factory.Build("leader-election")
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: leases, Name: "cert-manager-controller"},
		Client:     base.Client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: name, EventRecorder: base.Recorder},
	}
	ended := make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            lock,
		LeaseDuration:   60 * time.Second,
		RenewDeadline:   40 * time.Second,
		RetryPeriod:     15 * time.Second,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { ended <- controllers(ctx, factory, base) },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return err
	}
	elector.Run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(time.Second):
		return fmt.Errorf("lost the lease %s/cert-manager-controller", leases)
	}
}

func controllers(ctx context.Context, factory *ctrl.ContextFactory, base *ctrl.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for name, construct := range ctrl.Known() {
		one, err := construct(factory)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		group.Go(func() error { return one.Run(5, ctx) })
	}
	base.SharedInformerFactory.Start(ctx.Done())
	base.KubeSharedInformerFactory.Start(ctx.Done())
	base.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return group.Wait()
}

func healthy(ctx context.Context) error {
	server := &http.Server{Addr: healthAddress, ReadHeaderTimeout: 5 * time.Second}
	server.Handler = http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) { answer.WriteHeader(http.StatusOK) })
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}
