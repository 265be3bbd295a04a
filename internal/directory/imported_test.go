package directory_test

import (
	"errors"
	"testing"

	"restante/internal/directory"
	"restante/internal/proto/sasl"
)

// A password that another server has hashed opens the account, and is then hashed as one of our own: SCRAM knows it from there on.
func TestImportedPassword(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1})
	h.add(t, "u1", "old")
	u1 := address(t, "u1@demo.test")
	for _, hash := range []string{
		"{BLF-CRYPT}$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"{SHA512-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
	} {
		c, err := h.Imported(hash + "\n")
		if err != nil {
			t.Fatal(err)
		}
		if err := h.SetPassword(t.Context(), u1, c); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Authenticate(t.Context(), "u1", "wrong", peer); !errors.Is(err, directory.ErrCredentials) {
			t.Errorf("%s: a wrong password: %v", hash, err)
		}
		if hash[1] != 'B' {
			continue
		}
		if err := h.scram(t, sasl.SHA256, "u1", "U*U", ""); !errors.Is(err, sasl.ErrFailed) {
			t.Errorf("SCRAM before the first login: %v", err)
		}
		id, err := h.Authenticate(t.Context(), "u1", "U*U", peer)
		if err != nil {
			t.Errorf("%s: %v", hash, err)
		}
		if err := h.scram(t, sasl.SHA256, "u1", "U*U", ""); err != nil {
			t.Errorf("SCRAM after it: %v", err)
		}
		if err := h.Valid(t.Context(), id); err != nil {
			t.Errorf("its own session: %v", err)
		}
	}
}
