package cli

import (
	"strings"
	"testing"
	"time"

	"restante/internal/ops/zone"
	"restante/internal/serve/admind"
)

// What a check says of a domain's signatures, by the keys that it has.
func TestSignedRow(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	key := func(selector, algorithm, state string, days int) admind.SigningKey {
		return admind.SigningKey{Selector: selector, Algorithm: algorithm, State: state, Created: now.AddDate(0, 0, -days)}
	}
	past := key("r0", "rsa", "retired", 400)
	past.Past = true
	for _, tt := range []struct {
		keys  []admind.SigningKey
		state zone.State
		fix   string
	}{
		{nil, zone.Bad, "restante dkim new a.test"},
		{[]admind.SigningKey{key("r1", "rsa", "next", 0)}, zone.Bad, "restante dkim use a.test"},
		{[]admind.SigningKey{key("e1", "ed25519", "active", 0), key("r1", "rsa", "next", 0)}, zone.Bad, "publish the RSA key"},
		{[]admind.SigningKey{key("r1", "rsa", "active", 0)}, zone.Good, ""},
		{[]admind.SigningKey{key("r1", "rsa", "active", 200), key("e1", "ed25519", "active", 1)}, zone.Advice, "the keys are 200d old"},
		{[]admind.SigningKey{key("r1", "rsa", "active", 20), past}, zone.Advice, "restante dkim remove a.test r0"},
	} {
		row := signedRow("a.test", tt.keys, 180*24*time.Hour, now)
		if row.State != tt.state || !strings.Contains(row.Fix, tt.fix) || tt.fix == "" && row.Fix != "" {
			t.Errorf("%+v: %+v", tt.keys, row)
		}
	}
}
