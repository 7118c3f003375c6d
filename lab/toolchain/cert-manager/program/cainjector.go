package main

import (
	"context"

	"github.com/spf13/pflag"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	core "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	injector "github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	"github.com/cert-manager/cert-manager/pkg/util"
)

func cainjector(ctx context.Context, flags *pflag.FlagSet, arguments []string) error {
	var leases string
	flags.StringVar(&leases, "leader-election-namespace", "kube-system", "")
	flags.Int("v", 2, "")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		admissionregistration.AddToScheme,
		apiextensions.AddToScheme,
		apiregistration.AddToScheme,
		certmanager.AddToScheme,
		core.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	access, err := config.GetConfig()
	if err != nil {
		return err
	}
	// Named after it is the field manager of what it writes, without which the API server refuses it.
	mgr, err := manager.New(util.RestConfigWithUserAgent(access, "cainjector"), manager.Options{
		Scheme: scheme,
		// Secrets are read one by one: a cache would hold all of the cluster's.
		Client:                        client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&core.Secret{}}}},
		LeaderElection:                true,
		LeaderElectionNamespace:       leases,
		LeaderElectionID:              "cert-manager-cainjector-leader-election",
		LeaderElectionReleaseOnCancel: true,
		Metrics:                       metrics.Options{BindAddress: "0"},
	})
	if err != nil {
		return err
	}
	err = injector.RegisterAllInjectors(ctx, mgr, injector.SetupOptions{
		EnableCertificatesDataSource: true,
		EnabledReconcilersFor: map[string]bool{
			injector.MutatingWebhookConfigurationName:   true,
			injector.ValidatingWebhookConfigurationName: true,
			injector.APIServiceName:                     true,
			injector.CustomResourceDefinitionName:       true,
		},
	})
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}
