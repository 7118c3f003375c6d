// Rewrites the tests of a Go package so that what they hand to its validating functions is written down.
//
// Every call `validateX(first, ...)` in DIRECTORY/*_test.go becomes `validateX(recorded("validateX", first), ...)`. The
// arguments are the directory of the package, a directory for the rewritten files, and the tests to leave out. Prints a
// JSON object of file names, as `go test -overlay` takes it under Replace. Nothing of the package itself is touched.
package main

import (
	"encoding/json"
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
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: recorder PACKAGE-DIRECTORY OUTPUT-DIRECTORY [TEST-FILE-TO-LEAVE-OUT]...")
		os.Exit(2)
	}
	replaced, err := rewrite(os.Args[1], os.Args[2], os.Args[3:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(replaced)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func rewrite(directory, output string, leftOut []string) (map[string]string, error) {
	tests, err := filepath.Glob(filepath.Join(directory, "*_test.go"))
	if err != nil {
		return nil, err
	}
	replaced := map[string]string{}
	name := ""
	for _, test := range tests {
		if slices.Contains(leftOut, filepath.Base(test)) {
			replaced[test] = ""
			continue
		}
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, test, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		name = parsed.Name.Name
		ast.Inspect(parsed, record)
		target := filepath.Join(output, filepath.Base(test))
		file, err := os.Create(target)
		if err != nil {
			return nil, err
		}
		if err := format.Node(file, files, parsed); err != nil {
			return nil, err
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
		replaced[test] = target
	}
	target := filepath.Join(output, "recorded_test.go")
	replaced[filepath.Join(directory, "recorded_test.go")] = target
	return replaced, os.WriteFile(target, []byte(fmt.Sprintf(writesDown, name)), 0o644)
}

func record(node ast.Node) bool {
	call, is := node.(*ast.CallExpr)
	if !is || len(call.Args) == 0 {
		return true
	}
	function, is := call.Fun.(*ast.Ident)
	if !is || !strings.HasPrefix(strings.ToLower(function.Name), "validate") {
		return true
	}
	name := &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(function.Name)}
	first := call.Args[0]
	if strings.HasSuffix(function.Name, "TrafficPolicy") || function.Name == "ValidateTLS" || function.Name == "validateExportTo" {
		if len(call.Args) < 2 {
			return true
		}
		call.Args[1] = &ast.CallExpr{Fun: ast.NewIdent("recorded"), Args: []ast.Expr{name, call.Args[1]}}
		return true
	}
	call.Args[0] = &ast.CallExpr{Fun: ast.NewIdent("recorded"), Args: []ast.Expr{name, first}}
	return true
}
