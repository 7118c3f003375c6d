// Writes the SDK of a Pulumi package in one language, with the generators that Pulumi's own language hosts call.
//
// The package's schema comes on stdin, the arguments are the language and the directory. Nothing is loaded beside the
// schema: a package whose types refer to another package's is refused.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/blang/semver"

	"github.com/pulumi/pulumi/pkg/v3/codegen"
	gogen "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

const tool = "the lab's pulumi-sdk"

// alone finds no package but the one that is read.
type alone struct{}

func (alone) LoadPackage(name string, _ *semver.Version) (*schema.Package, error) {
	return nil, fmt.Errorf("the schema refers to the package %s, which is not loaded here", name)
}

func (a alone) LoadPackageV2(_ context.Context, of *schema.PackageDescriptor) (*schema.Package, error) {
	return a.LoadPackage(of.Name, nil)
}

func (a alone) LoadPackageReference(name string, _ *semver.Version) (schema.PackageReference, error) {
	_, err := a.LoadPackage(name, nil)
	return nil, err
}

func (a alone) LoadPackageReferenceV2(
	_ context.Context, of *schema.PackageDescriptor,
) (schema.PackageReference, error) {
	return a.LoadPackageReference(of.Name, nil)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pulumi-sdk python|nodejs|go DIRECTORY < SCHEMA")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(language, directory string) error {
	var spec schema.PackageSpec
	if err := json.NewDecoder(os.Stdin).Decode(&spec); err != nil {
		return fmt.Errorf("the schema is not JSON: %w", err)
	}
	// Unlike ImportSpec it also holds the schema against Pulumi's metaschema.
	bound, mistakes, err := schema.BindSpec(spec, alone{}, schema.ValidationOptions{})
	if err != nil {
		return err
	}
	if mistakes.HasErrors() {
		return mistakes
	}
	files, err := generated(language, bound)
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func generated(language string, bound *schema.Package) (codegen.Fs, error) {
	switch language {
	case "python":
		return python.GeneratePackage(tool, bound, nil, alone{})
	case "nodejs":
		return nodejs.GeneratePackage(tool, bound, nil, nil, true, alone{})
	case "go":
		return gogen.GeneratePackage(tool, bound, nil)
	default:
		return nil, fmt.Errorf("no generator for %q; there are python, nodejs and go", language)
	}
}
