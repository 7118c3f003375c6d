// Rewrites the tests of a Go package so that what they hand to its validating functions is written down.
//
// Every call `validateX(first, ...)` in DIRECTORY/*_test.go becomes `validateX(recorded("validateX", first), ...)`. The
// arguments are the directory of the package, which is written to, and the names of tests to remove.
package main

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const writesDown = `package %s

import (
	"encoding/json"
	"os"
	"sync"

	"istio.io/istio/pkg/config"
)

var recording sync.Mutex

type made struct {
	Function    string            ` + "`json:\"function\"`" + `
	Name        string            ` + "`json:\"name,omitempty\"`" + `
	Namespace   string            ` + "`json:\"namespace,omitempty\"`" + `
	Labels      map[string]string ` + "`json:\"labels,omitempty\"`" + `
	Annotations map[string]string ` + "`json:\"annotations,omitempty\"`" + `
	Value       json.RawMessage   ` + "`json:\"value\"`" + `
}

// recorded writes down what a test hands to a function, and hands it on.
func recorded[T any](function string, value T) T {
	one := made{Function: function}
	var spec any = value
	if whole, is := spec.(config.Config); is {
		one.Name, one.Namespace, one.Labels, one.Annotations = whole.Name, whole.Namespace, whole.Labels, whole.Annotations
		spec = whole.Spec
	}
	var err error
	if one.Value, err = json.Marshal(spec); err != nil {
		return value // what JSON cannot say, nobody can write in YAML
	}
	line, err := json.Marshal(one)
	if err != nil {
		panic(err)
	}
	recording.Lock()
	defer recording.Unlock()
	file, err := os.OpenFile(os.Getenv("RECORDED_CASES"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		panic(err)
	}
	return value
}
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: istio-recorder DIRECTORY [TEST-FILE-TO-REMOVE]...")
		os.Exit(2)
	}
	if err := rewrite(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func rewrite(directory string, removed []string) error {
	tests, err := filepath.Glob(filepath.Join(directory, "*_test.go"))
	if err != nil {
		return err
	}
	name := ""
	for _, test := range tests {
		if slices.Contains(removed, filepath.Base(test)) {
			if err := os.Remove(test); err != nil {
				return err
			}
			continue
		}
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, test, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		name = parsed.Name.Name
		ast.Inspect(parsed, record)
		file, err := os.Create(test)
		if err != nil {
			return err
		}
		if err := format.Node(file, files, parsed); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(directory, "recorded_test.go"), []byte(fmt.Sprintf(writesDown, name)), 0o644)
}

// second names the functions whose message is their second argument.
var second = []string{"validateTrafficPolicy", "ValidateTLS", "validateExportTo"}

func record(node ast.Node) bool {
	call, is := node.(*ast.CallExpr)
	if !is {
		return true
	}
	function, is := call.Fun.(*ast.Ident)
	if !is || !strings.HasPrefix(strings.ToLower(function.Name), "validate") {
		return true
	}
	position := 0
	if slices.Contains(second, function.Name) {
		position = 1
	}
	if len(call.Args) <= position {
		return true
	}
	name := &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(function.Name)}
	call.Args[position] = &ast.CallExpr{Fun: ast.NewIdent("recorded"), Args: []ast.Expr{name, call.Args[position]}}
	return true
}
