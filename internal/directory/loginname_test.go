package directory

import (
	"strings"
	"testing"

	"restante/internal/proto/addr"
)

func TestLoginParts(t *testing.T) {
	d := &Directory{opts: Options{Detail: "+", DefaultDomain: "demo.test"}}
	for _, tt := range []struct{ login, base, folder, device string }{
		{"ada@demo.test", "ada@demo.test", "", ""},
		{"ada", "ada", "", ""},
		{"ada@demo.test/phone", "ada@demo.test", "", "phone"},
		{"ada/phone", "ada", "", "phone"},
		{"ada+Lists@demo.test", "ada@demo.test", "Lists", ""},
		{"ada+Lists/Go@demo.test", "ada@demo.test", "Lists/Go", ""},
		{"ada+Lists/Go@demo.test/my phone", "ada@demo.test", "Lists/Go", "my phone"},
		{"ada+a@b/c@demo.test/phone", "ada@demo.test", "a@b/c", "phone"},
		{"ada+a+b@demo.test", "ada@demo.test", "a+b", ""},
		{"ada+Sent Items", "ada", "Sent Items", ""},
		{"ada+Lists/Go", "ada", "Lists", "Go"}, // without a domain the first slash begins the device
		{"ada/phone@demo.test", "ada/phone@demo.test", "", ""},
		{"+ada@demo.test", "+ada@demo.test", "", ""},
		{`"a+b"@demo.test`, `"a+b"@demo.test`, "", ""},
		{"ada@demo.test+Lists", "ada@demo.test+Lists", "", ""}, // not our form
		{"", "", "", ""},
	} {
		rest, device := splitDevice(tt.login)
		base, folder, _ := d.splitFolder(rest)
		if base != tt.base || folder != tt.folder || device != tt.device {
			t.Errorf("%s: %q, %q, %q", tt.login, base, folder, device)
		}
	}
}

// What is put together comes apart again, whatever the folder is called.
func FuzzLogin(f *testing.F) {
	f.Add("Lists/Go", "phone")
	f.Add("a@b/c d", "my phone")
	f.Add("", "")
	d := &Directory{opts: Options{Detail: "+", DefaultDomain: "demo.test"}}
	f.Fuzz(func(t *testing.T, folder, device string) {
		if checkDeviceName(device) != nil {
			return
		}
		rest, dev := splitDevice("ada+" + folder + "@demo.test/" + device)
		base, box, ok := d.splitFolder(rest)
		if base != "ada@demo.test" || box != folder || dev != device || !ok {
			t.Errorf("%q, %q: %q, %q, %q", folder, device, base, box, dev)
		}
		// Anything at all names one row at most, which is no other's.
		if name := d.loginName(folder); !strings.HasPrefix(name, "!") {
			if _, err := addr.Parse(loginOf(name)); err != nil {
				t.Errorf("%q is %q: %v", folder, name, err)
			}
		}
	})
}
