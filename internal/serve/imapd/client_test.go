package imapd_test

import (
	"strings"
	"testing"

	"restante/internal/directory"
	"restante/internal/serve/imapd"
)

// What a program says of itself is seen by the device's owner, whether it says so before the login or after it.
func TestClientIsNoted(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		lines      []string
	}{
		{"before the login", "Thunderbird 128.0", []string{`ID ("name" "Thunderbird" "version" "128.0")`, "LOGIN u1 pass"}},
		{"after it", "iPhone Mail 22A3354", []string{"LOGIN u1 pass", `ID ("vendor" "Apple" "version" "22A3354" "NAME" "iPhone Mail")`}},
		{"twice", "second", []string{"LOGIN u1 pass", `ID ("name" "first")`, "ID NIL", `ID ("name" "second")`}},
		{"nothing", "", []string{"ID NIL", "LOGIN u1 pass", `ID ("os" "Linux")`}},
		{"what people cannot see", "evillive", []string{"ENABLE IMAP4rev2", "LOGIN u1 pass", "ID (\"name\" \"evil\u202elive\u200b\")"}},
		{"too much", strings.Repeat("é", 100), []string{"LOGIN u1 pass", `ID ("name" "` + strings.Repeat("é", 150) + `")`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, houseOptions{imap: imapd.Options{AllowPlainLogin: true}})
			c := h.client()
			for _, line := range tt.lines {
				c.do("%s", line)
			}
			a := h.open("u1")
			defer a.Close()
			use, err := a.Used(t.Context(), directory.MainDevice)
			if err != nil {
				t.Fatal(err)
			}
			if use.Client != tt.want || use.Logins != 1 {
				t.Errorf("%+v, want %q", use, tt.want)
			}
		})
	}
}
