package directory

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// The rows are on disk: these bytes must be read for ever.
func TestRowsGolden(t *testing.T) {
	at := time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)
	credential := &Credential{
		Hash: "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		Scram: &scramKeys{Salt: []byte("salt"), Iterations: 4096, Keys: []scramKey{
			{"SHA-256", []byte("stored"), []byte("server")},
		}},
		Set: at,
	}
	golden(t, "domain", domainRow{V: 1, Created: at}, decodeDomain)
	golden(t, "domain-closing", domainRow{V: 1, Created: at, Closing: true}, decodeDomain)
	golden(t, "account", userRow{V: 1, Kind: kindAccount, Created: at, Account: 7, Access: NoLogin, Credential: credential}, decodeUser)
	golden(t, "account-new", userRow{V: 1, Kind: kindAccount, Created: at, Account: 7}, decodeUser)
	golden(t, "alias", userRow{V: 1, Kind: kindAlias, Created: at, Targets: []string{"u1@demo.test", `"a b"@demo.test`}}, decodeUser)
	golden(t, "erase", eraseRow{V: 1, Account: 7, Login: "u1@demo.test", Removed: at}, func(b []byte) (eraseRow, error) {
		var row eraseRow
		return row, decodeRow(b, &row, &row.V)
	})
}

func golden[T any](t *testing.T, name string, row T, decode func([]byte) (T, error)) {
	t.Helper()
	file := filepath.Join("testdata/rows", name+".json")
	if *update {
		if err := os.WriteFile(file, append(encodeRow(row), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(encodeRow(row))); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
	got, err := decode(want)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(row, got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

func TestRowOfAnotherVersion(t *testing.T) {
	if _, err := decodeUser([]byte(`{"v":2,"kind":"account"}`)); !errors.Is(err, ErrVersion) {
		t.Error(err)
	}
	if _, err := decodeUser([]byte(`{"v":`)); err == nil {
		t.Error("half a row was read")
	}
}
