package directory

import (
	"context"
	"errors"
	"strings"

	"restante/internal/proto/addr"
	"restante/internal/proto/sasl"
)

// meaning is what a login means:
//
//	login = local [ "+" folder ] [ "@" domain ] [ "/" device ]
//
// The folder stands where Cyrus has it (popsubfolders), and where mail has its detail. It may have anything in it, slashes and spaces too: of several
// "@" the last begins the domain, and no domain has a slash. So nothing can be taken for something else, but where there is no domain:
// there the first slash begins the device.
type meaning struct {
	name   string // of the account's row; one that no row has, of what can be no login
	folder string
	device string
}

// meaning reads a login. As with mail, an account whose own name has the separator in it comes first. What nobody has is always
// the same without the folder, so that no folder tells whether there is an account.
func (d *Directory) meaning(ctx context.Context, login string) (meaning, error) {
	rest, device := splitDevice(login)
	whole := meaning{name: d.loginName(rest), device: device}
	base, folder, ok := d.splitFolder(rest)
	if !ok {
		return whole, nil
	}
	switch _, err := d.user(ctx, whole.name); {
	case err == nil:
		return whole, nil
	case !errors.Is(err, ErrUnknownUser):
		return whole, err
	}
	return meaning{name: d.loginName(base), folder: folder, device: device}, nil
}

// splitDevice parts a login from the device that it names: "ada@example.org/phone".
func splitDevice(login string) (rest, device string) {
	domain := strings.LastIndexByte(login, '@') + 1
	end := strings.IndexByte(login[domain:], '/')
	if end < 0 {
		return login, ""
	}
	return login[:domain+end], login[domain+end+1:]
}

// splitFolder parts a login from the folder that it names: "ada+Lists/Go@example.org".
func (d *Directory) splitFolder(login string) (base, folder string, ok bool) {
	sep := d.opts.Detail
	local, domain := login, ""
	if at := strings.LastIndexByte(login, '@'); at >= 0 {
		local, domain = login[:at], login[at:]
	}
	user, folder, ok := strings.Cut(local, sep)
	if !ok || sep == "" || user == "" || strings.HasPrefix(user, `"`) {
		return login, "", false
	}
	return user + domain, folder, true
}

// loginName is the name of the row that a login means. Of what can be no login
// it is a name that no row has.
func (d *Directory) loginName(login string) string {
	login, err := sasl.Prep(login)
	if err != nil {
		return "!"
	}
	var a addr.Address
	if strings.Contains(login, "@") {
		a, err = addr.Parse(login)
	} else {
		a, err = addr.New(login, string(d.opts.DefaultDomain))
	}
	if err != nil {
		return "!" + addr.Fold(login)
	}
	return rowName(a)
}
