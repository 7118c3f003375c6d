// Several CAs of Pebble's, each with Let's Encrypt's directory: its own program serves it as /dir alone, where a stack's
// issuer names the other, and picks any of its profiles for an order that names none.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

const directory = "/directory"

// settings are read from a JSON file, the one argument.
type settings struct {
	Certificate, PrivateKey string
	// Resolver answers for the hosts that are to be proven: HOST:PORT.
	Resolver    string
	Authorities []authority
}

type authority struct {
	Address, ManagementAddress string
	// Lifetime of its certificates, in seconds.
	Lifetime uint64
}

func main() {
	logger := log.New(os.Stdout, "", log.LstdFlags)
	if len(os.Args) != 2 {
		logger.Fatal("usage: pebble SETTINGS.json")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		logger.Fatal(err)
	}
	var told settings
	if err := json.Unmarshal(text, &told); err != nil {
		logger.Fatalf("%s: %v", os.Args[1], err)
	}
	failed := make(chan error)
	for _, one := range told.Authorities {
		acme, management := one.handlers(logger, told.Resolver)
		for address, handler := range map[string]http.Handler{one.Address: acme, one.ManagementAddress: management} {
			go func() { failed <- http.ListenAndServeTLS(address, told.Certificate, told.PrivateKey, handler) }()
		}
	}
	logger.Fatal(<-failed)
}

func (one authority) handlers(logger *log.Logger, resolver string) (http.Handler, http.Handler) {
	store := db.NewMemoryStore()
	profiles := map[string]ca.Profile{"classic": {Description: "all of them", ValidityPeriod: one.Lifetime}}
	issuer := ca.New(logger, store, "", "ecdsa", 0, 1, profiles)
	validation := va.New(logger, 80, 443, false, resolver, store)
	front := wfe.New(logger, store, validation, issuer, []string{"letsencrypt.org"}, false, false, 1, 1)
	served := front.Handler()
	acme := http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.URL.Path == directory {
			request.URL.Path = wfe.DirectoryPath
		}
		served.ServeHTTP(answer, request)
	})
	return acme, front.ManagementHandler()
}
