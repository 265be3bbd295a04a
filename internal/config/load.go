package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"restante/internal/proto/addr"
	"restante/internal/proto/sasl"
)

// Error is one thing that is wrong with a configuration file.
type Error struct {
	File string
	Line int    // 0: nowhere in particular
	Key  string // dotted; may be empty
	Text string // what is wrong and what to do
}

func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s += fmt.Sprintf(":%d", e.Line)
	}
	if e.Key != "" {
		s += ": " + e.Key
	}
	return s + ": " + e.Text
}

// Load reads and checks a file. Its error may join several *Error, so that all
// can be mended at once.
func Load(file string) (*Config, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return parse(file, dir, string(src))
}

// parse reads a configuration. Relative paths in it begin at dir.
func parse(file, dir, src string) (*Config, error) {
	c := Default()
	meta, err := toml.Decode(src, c)
	if err != nil {
		return nil, decodeError(file, err)
	}
	l := loader{file: file, src: src}
	for _, key := range meta.Undecoded() {
		text := "unknown key"
		if meant := nearest(key.String(), keys()); meant != "" {
			text += ", did you mean " + meant + "?"
		} else {
			text += ": see docs/operators/config.md for those that there are"
		}
		l.fail(key.String(), "%s", text)
	}
	c.resolve(dir)
	l.check(c)
	return c, l.err()
}

// decodeError tells where the decoder stopped.
func decodeError(file string, err error) error {
	var p toml.ParseError
	if errors.As(err, &p) {
		return &Error{File: file, Line: p.Position.Line, Key: p.LastKey, Text: strings.TrimPrefix(p.Message, "toml: ")}
	}
	return &Error{File: file, Text: strings.TrimPrefix(err.Error(), "toml: ")}
}

// resolve makes paths absolute and fills in what the machine knows.
func (c *Config) resolve(dir string) {
	abs := func(path *string) {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	abs(&c.Data)
	abs(&c.Backup.To)
	for i := range c.TLS {
		abs(&c.TLS[i].Cert)
		abs(&c.TLS[i].Key)
	}
	abs(&c.ACME.Roots)
	abs(&c.ACME.EABKey)
	abs(&c.ACME.DNSKey)
	abs(&c.Login.ClientCA)
	abs(&c.Login.CramMD5Key)
	for i := range c.Login.OAuth {
		abs(&c.Login.OAuth[i].ClientSecretFile)
	}
	for i := range c.Send.Transport {
		abs(&c.Send.Transport[i].PasswordFile)
	}
	if c.Host == "" {
		c.Host, _ = os.Hostname() // checked like one from the file
	}
}

// loader gathers what is wrong.
type loader struct {
	file, src string
	errs      []*Error
}

// err joins what is wrong in the order of the file, nil when nothing is.
func (l *loader) err() error {
	slices.SortStableFunc(l.errs, func(a, b *Error) int { return a.Line - b.Line })
	joined := make([]error, len(l.errs))
	for i, e := range l.errs {
		joined[i] = e
	}
	return errors.Join(joined...)
}

func (l *loader) fail(key, format string, args ...any) {
	l.errs = append(l.errs, &Error{File: l.file, Line: lineOf(l.src, key), Key: key, Text: fmt.Sprintf(format, args...)})
}

// check finds what no single value shows.
func (l *loader) check(c *Config) {
	if c.Data == "" {
		l.fail("data", `is missing: name the folder for mail and accounts, such as data = "/var/lib/restante"`)
	}
	if d, err := addr.ParseDomain(c.Host); err != nil || d.IsLiteral() {
		l.fail("host", `%q is not a host name: write this machine's name in the DNS, such as host = "mail.example.org"`, c.Host)
	}
	if c.DefaultDomain != "" {
		if d, err := addr.ParseDomain(c.DefaultDomain); err != nil || d.IsLiteral() {
			l.fail("default_domain", "%q is not a domain", c.DefaultDomain)
		}
	}
	if c.Postmaster != "" {
		if _, err := addr.Parse(c.Postmaster); err != nil {
			l.fail("postmaster", "%q is not an address", c.Postmaster)
		}
	}
	l.checkListen(&c.Listen)
	for i, t := range c.TLS {
		if t.Cert == "" || t.Key == "" {
			l.fail("tls", "block %d has to name two files, cert and key", i+1)
		}
	}
	l.checkLogin(&c.Login)
	checkRange(l, "login.min_password", c.Login.MinPassword, 1, 64)
	checkRange(l, "limits.recipients", c.Limits.Recipients, 100, 10_000) // RFC 5321 4.5.3.1.8
	checkRange(l, "limits.connections", c.Limits.Connections, 1, 1_000_000)
	checkRange(l, "limits.connections_per_address", c.Limits.ConnectionsPerAddress, 0, 1_000_000)
	checkRange(l, "limits.imap_messages", c.Limits.IMAPMessages, 1000, 10_000_000) // RFC 9738 3: no less
	checkRange(l, "limits.imap_copies", c.Limits.IMAPCopies, 1000, 10_000_000)
	checkRange(l, "limits.message", c.Limits.Message, 64<<10, 4095<<20) // RFC 5321 4.5.3.1.7; the store's bound
	checkRange(l, "store.cache", c.Store.Cache, 1<<20, 1<<40)
	checkRange(l, "search.processor", c.Search.Processor, 1, 100)
	l.checkMTASTS(c)
	l.checkACME(c)
	l.checkBackup(c)
	l.checkCheck(&c.Check)
	l.checkReport(&c.Report)
	l.checkGuard(&c.Guard)
	l.checkMilters(c.Milters)
	l.checkTrace(&c.Trace)
	l.checkSend(c)
	l.checkWord("pop.then", c.POP.Then, "trash", "archive", "delete")
	l.checkWord("pop.wait_for", c.POP.WaitFor, "all", "any")
	l.checkWord("pop.scope", c.POP.Scope, "inbox", "all")
	l.checkWord("pop.mark_seen", c.POP.MarkSeen, "on_dele", "on_retr", "never")
	l.checkWord("pop.view", c.POP.View, "own", "shared")
	l.checkWord("log.level", c.Log.Level, "error", "warn", "info", "debug")
	l.checkWord("log.format", c.Log.Format, "text", "json")
}

func (l *loader) checkListen(c *Listen) {
	for _, p := range []Protocol{{"lmtp", c.LMTP}, {"metrics", c.Metrics}} {
		for _, a := range p.Addresses {
			if !a.Local() {
				l.fail("listen."+p.Name, "%q can be reached from outside, and asks nobody for a password: use a loopback address such as 127.0.0.1, or unix:/path", a)
			}
		}
	}
	for _, name := range c.ProxyProtocol {
		l.checkWord("listen.proxy_protocol", name, "smtp", "lmtp", "submission", "submissions", "pop3", "pop3s", "imap", "imaps", "http", "https")
	}
	for _, n := range c.Proxies {
		if n.Prefix().Bits() == 0 {
			l.fail("listen.proxies", "%q is everybody, and whoever is a proxy can be anybody: name the proxies' own addresses", n)
		}
	}
	used := make(map[Address]string)
	for _, p := range c.All() {
		for _, a := range p.Addresses {
			if other := used[a]; other != "" && !strings.HasSuffix(string(a), ":0") { // of 0 there are many
				l.fail("listen."+p.Name, "%q is used by listen.%s too", a, other)
			}
			used[a] = p.Name
		}
	}
}

// checkBackup keeps backups out of what they are of.
func (l *loader) checkBackup(c *Config) {
	if to, err := filepath.Rel(c.Data, c.Backup.To); c.Backup.To != "" && err == nil && filepath.IsLocal(to) {
		l.fail("backup.to", "%q is in the data folder: name one on another disk, which is not lost together with it", c.Backup.To)
	}
	if every := time.Duration(c.Backup.Every); every < 5*time.Minute || every > 31*24*time.Hour {
		l.fail("backup.every", "%v is not between 5m and 31d", c.Backup.Every)
	}
	checkRange(l, "backup.keep_hourly", c.Backup.KeepHourly, 0, 10_000)
	checkRange(l, "backup.keep_daily", c.Backup.KeepDaily, 0, 10_000)
	checkRange(l, "backup.keep_weekly", c.Backup.KeepWeekly, 0, 10_000)
}

// checkLogin checks the ways to log in. A file's content is looked at when it is read.
func (l *loader) checkLogin(c *Login) {
	for _, name := range c.Mechanisms {
		if !sasl.Known(name) && name != "APOP" || strings.HasSuffix(name, "-PLUS") {
			l.fail("login.mechanisms", "%q is not a mechanism: SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN, OAUTHBEARER, XOAUTH2, EXTERNAL, CRAM-MD5 or APOP", name)
		}
	}
	for _, name := range []string{sasl.CramMD5, "APOP"} {
		if slices.Contains(c.Mechanisms, name) && c.CramMD5Key == "" {
			l.fail("login.mechanisms", "%s needs cram_md5_key: it cannot do with what is kept of passwords otherwise", name)
		}
	}
	for i, cert := range c.Certificate {
		if cert.Name == "" || cert.Login == "" {
			l.fail("login.certificate", "block %d has to have a name and a login", i+1)
		}
	}
	for i, o := range c.OAuth {
		if o.Issuer == "" || len(o.Audience) == 0 {
			l.fail("login.oauth", "block %d has to have an issuer and an audience", i+1)
		}
	}
}

// Protocol is a protocol's name, as its key in [listen], and its addresses.
type Protocol struct {
	Name      string
	Addresses []Address
}

// All are the addresses of every protocol, in the order of the struct.
func (c *Listen) All() []Protocol {
	return []Protocol{
		{"smtp", c.SMTP}, {"lmtp", c.LMTP}, {"submission", c.Submission}, {"submissions", c.Submissions},
		{"pop3", c.POP3}, {"pop3s", c.POP3S}, {"imap", c.IMAP}, {"imaps", c.IMAPS}, {"http", c.HTTP}, {"https", c.HTTPS},
		{"metrics", c.Metrics},
	}
}

// checkRange checks a number, or a Size.
func checkRange[T int | Size](l *loader, key string, v, low, high T) {
	if v < low || v > high {
		l.fail(key, "%v is not between %v and %v", v, low, high)
	}
}

func (l *loader) checkWord(key, v string, words ...string) {
	for _, w := range words {
		if v == w {
			return
		}
	}
	l.fail(key, "%q is not one of %s", v, strings.Join(words, ", "))
}
