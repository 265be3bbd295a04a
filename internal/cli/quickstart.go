package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"restante/internal/app"
	"restante/internal/config"
	"restante/internal/directory"
	"restante/internal/ops/zone"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
)

type quickstartCmd struct {
	Address string `arg:"" help:"Your address, which becomes the first account."`
	Dir     string `short:"d" required:"" placeholder:"DIR" type:"path" help:"Folder for the configuration and the mail; it is made."`
	Host    string `placeholder:"NAME" help:"This machine's name in the DNS (mail. and the domain)."`
	passwordFlags
	ACME bool `name:"acme" help:"Have certificates from Let's Encrypt, and agree to its terms of service (https://letsencrypt.org/repository/)."`
	Ask  bool `help:"Ask for the account's password in the place of making one up."`
}

func (quickstartCmd) Help() string {
	return `Writes DIR/restante.toml and DIR/restante.service, makes the domain and the account, and says what to publish in the DNS and what to do next. What is
there already stays as it is: run it again whenever something was missing.

Examples:
  restante quickstart anna@example.org --dir /srv/mail --acme
  restante quickstart anna@example.org --dir /srv/mail --host mx.example.net --ask`
}

func (c *quickstartCmd) Run(ctx context.Context, con *console) error {
	a, err := addr.Parse(c.Address)
	if err != nil || a.Domain.IsLiteral() {
		return &failure{exitUsage, fmt.Errorf("%q is not an address at a domain, such as anna@example.org", c.Address)}
	}
	if c.Host == "" {
		c.Host = "mail." + string(a.Domain)
	}
	if d, err := addr.ParseDomain(c.Host); err != nil || d.IsLiteral() || strings.ContainsAny(c.Host, "\"\\\n") {
		return &failure{exitUsage, fmt.Errorf("--host %q is not the name of a host", c.Host)}
	}
	conf, file, err := c.configure(con, a)
	if err != nil {
		return err
	}
	password, keys, err := c.people(ctx, con, a, file)
	if err != nil {
		return err
	}
	unit := filepath.Join(c.Dir, "restante.service")
	if err := con.write(unit, c.unit(file, runner())); err != nil {
		return err
	}
	return c.tell(con, conf, a, password, file, unit, keys)
}

// configure writes the configuration, or reads the one that there is.
func (c *quickstartCmd) configure(con *console, a addr.Address) (*config.Config, string, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, "", err
	}
	file := filepath.Join(c.Dir, "restante.toml")
	text := fmt.Sprintf(`# Every key: docs/operators/config.md.
host = %q
data = "data"
postmaster = %q

[listen]
# Mail programs find their settings here.
http = [":80"]
https = [":443"]

# Certificates, without which mail programs warn of the server: from Let's Encrypt. Read
# its terms of service, https://letsencrypt.org/repository/, before you agree to them.
%[4]s[acme]
%[4]senabled = true
%[4]sterms_agreed = true
%[4]semail = %[2]q

# Or from files:
#[[tls]]
#cert = "/etc/letsencrypt/live/%[3]s/fullchain.pem"
#key = "/etc/letsencrypt/live/%[3]s/privkey.pem"
`, c.Host, a.String(), c.Host, map[bool]string{false: "#"}[c.ACME])
	if err := con.write(file, text); err != nil {
		return nil, "", err
	}
	conf, err := config.Load(file)
	if err == nil && !strings.EqualFold(conf.Host, c.Host) {
		err = fmt.Errorf("%s says host = %q, and not %s: nothing was changed; say --host %s, or edit it", file, conf.Host, c.Host, conf.Host)
	}
	return conf, file, err
}

// write writes a file that is not there yet, and says which.
func (con *console) write(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		con.print("kept     %s\n", file)
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(file)) // half of it must not be kept next time
	}
	con.print("written  %s\n", file)
	return nil
}

// people makes the domain and the account where they are not there. The password is that of a new account, made up here; else it is empty. The keys are those that mail is to be signed with.
func (c *quickstartCmd) people(ctx context.Context, con *console, a addr.Address, file string) (password string, keys []admind.SigningKey, err error) {
	w := where{Config: file}
	err = w.with(ctx, con, true, func(b admind.Backend) error {
		if err := b.AddDomain(ctx, string(a.Domain)); err != nil && !errors.Is(err, directory.ErrExists) {
			return err
		}
		if keys, err = collected(b.SigningKeys(ctx, string(a.Domain))); err == nil && len(keys) == 0 {
			keys, err = b.NewSigningKeys(ctx, string(a.Domain)) // the domain is from a time without
		}
		if err != nil {
			return err
		}
		if _, err := b.Account(ctx, a.String()); err == nil {
			con.print("kept     account %s, with its password\n", a)
			return nil
		}
		n := admind.NewAccount{Address: a.String()}
		if c.Ask || c.PasswordFile != "" {
			if n.Password, err = c.read(ctx, con, n.Address); err != nil {
				return err
			}
		} else {
			n.Password = madeUp()
			password = n.Password
		}
		if _, err := b.AddAccount(ctx, n); err != nil {
			return err
		}
		con.print("made     account %s\n", a)
		return nil
	})
	return password, keys, err
}

// madeUp is a password of 100 bits.
func madeUp() string {
	t := strings.ToLower(rand.Text())
	return strings.Join([]string{t[:5], t[5:10], t[10:15], t[15:20]}, "-")
}

// runner is the user that the server is to run as: whoever sets it up, or one of its own if that is root.
func runner() string {
	if u, err := user.Current(); err == nil && u.Uid != "0" {
		return u.Username
	}
	return "restante"
}

// unit is the systemd unit; dist/restante.service is one for a server in the usual places.
func (c *quickstartCmd) unit(file, runner string) string {
	program, err := os.Executable()
	if err != nil {
		program = "/usr/local/bin/restante"
	}
	return fmt.Sprintf(`[Unit]
Description=Restante mail server
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
ExecStart=%q serve --config %q
ExecReload=%q reload --config %q
User=%s
TimeoutStopSec=30
Restart=on-failure
RestartSec=2
UMask=0077
LimitNOFILE=65536
# Ports below 1024, and nothing else.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=%q
PrivateTmp=yes
PrivateDevices=yes
ProtectControlGroups=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
MemoryDenyWriteExecute=yes
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
`, specifiers(program), specifiers(file), specifiers(program), specifiers(file), runner, specifiers(c.Dir))
}

// specifiers keeps systemd from taking a percent sign in a path for one of its own.
func specifiers(path string) string { return strings.ReplaceAll(path, "%", "%%") }

// certificateStep says what is left to do for certificates.
func certificateStep(conf *config.Config, file string) string {
	switch {
	case conf.ACME.Enabled:
		return "Let ports 80 and 443 in from the Internet: certificates come by themselves (restante tls list)."
	case len(conf.TLS) > 0:
		return "See that the server's user can read the files in " + file + " ([[tls]])."
	}
	return "Have certificates: switch [acme] on in " + file + ", or name files there ([[tls]])."
}

// tell says what is to be done now.
func (c *quickstartCmd) tell(con *console, conf *config.Config, a addr.Address, password, file, unit string, keys []admind.SigningKey) error {
	if password != "" {
		con.print("\nPassword of %s, shown this once: %s\n", a, password)
	}
	con.print("\nFor the DNS of %s, beside addresses (A, AAAA) for %s:\n\n", a.Domain, conf.Host)
	if err := zone.Write(con.out, zone.Records(app.Zone(conf, a.Domain, keys))); err != nil {
		return err
	}
	steps := []string{
		"Publish these records, and have the machine's address named " + conf.Host + " (PTR).",
		certificateStep(conf, file),
		"sudo install -m 644 " + unit + " /etc/systemd/system/ && sudo systemctl enable --now restante",
		"restante dns check " + string(a.Domain) + " --config " + file + "   (mail is signed once the _domainkey records are seen)",
	}
	if os.Geteuid() == 0 {
		steps[2] = "useradd --system --shell /usr/sbin/nologin restante; chown -R restante: " + c.Dir + "\n     " + steps[2]
	}
	con.print("\nNext:\n")
	for i, s := range steps {
		con.print("  %d. %s\n", i+1, s)
	}
	return nil
}
