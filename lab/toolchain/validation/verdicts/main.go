// Says of each object whether Istio takes it: what its validating webhook says, and what its CRDs say to the API server.
//
// Reads one JSON object per line, and answers each with one line: {"webhook": [...], "crd": [...]}, both empty for an
// object that is taken. The argument is the file with Istio's CRDs.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/go-multierror"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	schemacrd "istio.io/istio/pkg/config/crd"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
	"istio.io/istio/pkg/config/validation/agent"
)

const longestLine = 64 << 20

type verdict struct {
	Webhook []string `json:"webhook"`
	CRD     []string `json:"crd"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: istio-validation CRDS < OBJECTS")
		os.Exit(2)
	}
	schemas, err := schemacrd.NewValidatorFromFilesWithOptions(os.Args[1:], schemacrd.WithoutCRDValidation())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 1<<20), longestLine)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		answer := verdict{Webhook: messages(webhook(lines.Bytes())), CRD: messages(api(schemas, lines.Bytes()))}
		if err := answers.Encode(answer); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// webhook does what istiod's webhook does with an object that is created.
func webhook(raw []byte) error {
	var object crd.IstioKind
	if err := json.Unmarshal(raw, &object); err != nil {
		return err
	}
	kind := object.GroupVersionKind()
	schema, found := collections.All.FindByGroupKind(resource.FromKubernetesGVK(&kind))
	if !found {
		return fmt.Errorf("unrecognized type %v", kind)
	}
	config, err := crd.ConvertObject(schema, &object, "cluster.local")
	if err != nil {
		return err
	}
	_, err = schema.ValidateConfig(*config)
	return err
}

// api does what the API server does with an object that is created. Fields that the CRD does not know are dropped by
// it, or refused, as the client asks: they are not looked at.
func api(schemas *schemacrd.Validator, raw []byte) error {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(raw); err != nil {
		return err
	}
	err := schemas.ValidateCustomResource(object)
	if err != nil && strings.Contains(err.Error(), ": unknown fields [") {
		return nil
	}
	return err
}

func messages(err error) []string {
	found := []string{}
	if err == nil {
		return found
	}
	var several *multierror.Error
	var validation agent.Validation
	switch {
	case errors.As(err, &several):
		for _, one := range several.Errors {
			found = append(found, messages(one)...)
		}
	case errors.As(err, &validation):
		found = append(found, messages(validation.Err)...)
	default:
		found = append(found, err.Error())
	}
	return found
}
