// Package config reads the configuration file: TOML into a typed struct, each
// key documented at its field. docs/operators/config.md is generated from
// these comments by this package's tests.
//
// A key that is not known is an error, with its line and the key that was
// probably meant: a misspelt limit must not silently be no limit. What has been
// loaded has been checked, so that a server that starts does not find out later.
//
// Fields tagged restart:"true" take effect at the next start; all others also at
// a reload (SIGHUP).
package config

import "time"

// Config is a whole configuration. Make it with Load or Default.
type Config struct {
	// Name of this host in the DNS, as other mail servers know it. It stands in
	// greetings, in trace headers and in the self-signed certificate. When it is
	// empty, the machine's own name is taken.
	Host string `toml:"host" restart:"true"`
	// Folder for everything that the server keeps: mail, accounts, the
	// self-signed certificate, the control socket. It is made when it is not there,
	// and only the server's user can read it. A relative path begins at the
	// folder of the configuration file.
	Data string `toml:"data" restart:"true"`
	// Domain of logins that are given without one: with "example.org", u1 logs in
	// as u1@example.org. When it is empty, logins must be whole addresses.
	DefaultDomain string `toml:"default_domain"`
	// Address of this server that gets the mail for postmaster in every domain that
	// has no such address of its own.
	Postmaster string `toml:"postmaster"`

	Listen Listen `toml:"listen"`
	TLS    []TLS  `toml:"tls"`
	ACME   ACME   `toml:"acme"`
	Login  Login  `toml:"login"`
	IMAP   IMAP   `toml:"imap"`
	Limits Limits `toml:"limits"`
	POP    POP    `toml:"pop"`
	Retain Retain `toml:"retention"`
	Quota  Quota  `toml:"quota"`
	Send   Send   `toml:"send"`
	Store  Store  `toml:"store"`
	Search Search `toml:"search"`
	DKIM   DKIM   `toml:"dkim"`
	DNS    DNS    `toml:"dns"`
	MTASTS MTASTS `toml:"mta_sts"`
	Check  Check  `toml:"check"`
	Report Report `toml:"report"`
	Guard  Guard  `toml:"guard"`
	Trace  Trace  `toml:"trace"`
	Backup Backup `toml:"backup"`
	Log    Log    `toml:"log"`

	Milters     []Milter     `toml:"milter"`
	Annotations []Annotation `toml:"annotation"`
}

// Listen has the addresses that each protocol is served on. An empty list
// switches it off. An address is host:port, with :port for all addresses of the
// machine, or unix:/path for a socket file, which only the server's user and
// group can open.
type Listen struct {
	// Mail from other servers, by SMTP with STARTTLS.
	SMTP []Address `toml:"smtp" restart:"true"`
	// Mail from a queue manager on this machine, by LMTP. It has no
	// authentication: a socket file or a loopback address.
	LMTP []Address `toml:"lmtp" restart:"true"`
	// Mail from those who have an account here, to anybody, by SMTP with STARTTLS. It asks for a login.
	Submission []Address `toml:"submission" restart:"true"`
	// The same in TLS from the first byte.
	Submissions []Address `toml:"submissions" restart:"true"`
	// POP3 with STLS.
	POP3 []Address `toml:"pop3" restart:"true"`
	// POP3 in TLS from the first byte.
	POP3S []Address `toml:"pop3s" restart:"true"`
	// IMAP with STARTTLS.
	IMAP []Address `toml:"imap" restart:"true"`
	// IMAP in TLS from the first byte.
	IMAPS []Address `toml:"imaps" restart:"true"`
	// What mail programs set themselves up by, over HTTP, where some of them ask first (docs/operators/dns.md): ":80".
	HTTP []Address `toml:"http" restart:"true"`
	// The same over HTTPS, and the MTA-STS policy: ":443". The names autoconfig, autodiscover and mta-sts below each domain lead to it.
	HTTPS []Address `toml:"https" restart:"true"`
	// HTTP for Prometheus (/metrics) and for health checks (/healthz). Whoever can
	// connect can read: a socket file or a loopback address.
	Metrics []Address `toml:"metrics" restart:"true"`
	// Networks of the proxies before this server, such as "10.0.0.0/8", which are
	// trusted to say whose connections they bring: what they say is whom limits,
	// logs and rules for devices then see. Nobody else is believed.
	Proxies []Network `toml:"proxies" restart:"true"`
	// Protocols that proxies bring with a header of the PROXY protocol, version 1 or
	// 2; a connection from them without one is refused. A proxy that ends TLS goes
	// to a door without it, and says so in a header of version 2. SMTP and LMTP take
	// XCLIENT from proxies where they are not in this list.
	ProxyProtocol []string `toml:"proxy_protocol" restart:"true"`
}

// TLS has the certificates. Each [[tls]] block is one; clients are shown the one
// for the name that they ask for, the first block's when none fits. The files
// are read again when they change. Names that no block has get certificates from
// [acme], if that is on. Without either the server signs a certificate for itself.
type TLS struct {
	// PEM file with the certificate chain, the server's own certificate first.
	Cert string `toml:"cert"`
	// PEM file with the private key.
	Key string `toml:"key"`
}

// Annotation is something that the server says to everybody who asks by IMAP
// METADATA. Each [[annotation]] block is one; they take effect at the next start.
type Annotation struct {
	// "/shared/comment", "/shared/admin" (a URI, such as "mailto:help@example.org"), or
	// "/shared/filters/values/NAME" for a search that everybody can use by that name.
	Entry string `toml:"entry"`
	// What it says.
	Value string `toml:"value"`
}

// Login says how people log in.
type Login struct {
	// Allow passwords on connections without TLS. Everybody on the way can then read
	// them; for tests and closed networks.
	Cleartext bool `toml:"cleartext" restart:"true"`
	// Slow down and then refuse clients that guess passwords, by account and by
	// address.
	Guard bool `toml:"guard" restart:"true"`
	// Fewest characters of a new password.
	MinPassword int `toml:"min_password"`
	// Logins, whole addresses, whose owners may set anybody's quota over IMAP.
	Administrators []string `toml:"administrators" restart:"true"`
	// Logins, whole addresses, of submission servers that fetch parts of messages
	// by URL for those who send them (BURL).
	Submitters []string `toml:"submitters" restart:"true"`
	// How long the outcome of a password check is remembered, so that clients that
	// reconnect all the time cost no more than one check each.
	Remember Duration `toml:"remember"`
	// Ways to log in by SASL, of these and SCRAM-SHA-1 and CRAM-MD5, and APOP for POP3's own; -PLUS comes with SCRAM. The order does not
	// matter. OAUTHBEARER and XOAUTH2 need an issuer (login.oauth), EXTERNAL needs client_ca, CRAM-MD5 and APOP need cram_md5_key.
	// Without PLAIN, IMAP's LOGIN and POP3's USER are off, too. What SCRAM-SHA-1, CRAM-MD5 and APOP need of a password is
	// made when it is set, or given as it is at a login, after they have been added here.
	Mechanisms []string `toml:"mechanisms"`
	// PEM file with the certificates of those who sign certificates for people. IMAP and POP3 then ask clients for one, and EXTERNAL
	// logs in by it: to the account whose address is in it, or the one that login.certificate says.
	ClientCA string `toml:"client_ca" restart:"true"`
	// File with 32 random octets in hex (openssl rand -hex 32), kept where backups of the data folder do not go.
	// CRAM-MD5 needs something of each password that opens mailboxes to whoever reads it, APOP the password itself, and this encrypts it.
	CramMD5Key string `toml:"cram_md5_key"`

	Certificate []Certificate `toml:"certificate"`
	OAuth       []OAuth       `toml:"oauth"`
}

// Certificate says whose a certificate of a client's is, where its e-mail address
// does not. Each [[login.certificate]] block is one.
type Certificate struct {
	// What is in the certificate: an e-mail address, or "sha256:" and the certificate's fingerprint in hex, without colons.
	Name string `toml:"name"`
	// The account that it opens.
	Login string `toml:"login"`
}

// OAuth is an issuer of tokens (OAuth 2.0, OpenID Connect) that is trusted. Each
// [[login.oauth]] block is one. It is looked up when its first token comes; one that cannot be reached stops nothing else.
type OAuth struct {
	// Its identifier, a URL; what clients are pointed to, too, if it is the only one. Its keys are looked up from there.
	Issuer string `toml:"issuer"`
	// Whom a token must be meant for (its "aud"); one of these must be in it. There is no default: without this check any token of
	// the issuer's, for anything, would open mailboxes.
	Audience []string `toml:"audience"`
	// Scopes that a token must all have.
	Scope []string `toml:"scope"`
	// The claim that has the login. "email" counts unless the token says that it has not been verified.
	Claim string `toml:"claim"`
	// What this server shows to the issuer to ask about tokens that are not JWTs (introspection, RFC 7662). When it is empty, these
	// are refused.
	ClientID string `toml:"client_id"`
	// File with the secret for client_id, on its first line.
	ClientSecretFile string `toml:"client_secret_file"`
	// URL to ask at, where the issuer's discovery document does not say it.
	Introspection string `toml:"introspection"`
}

// IMAP says what clients of IMAP are offered.
type IMAP struct {
	// Capabilities that nobody is to have, by the names that CAPABILITY tells: "COMPRESS=DEFLATE". What they bring is then refused as
	// if it were unknown. "LITERAL+" gives way to LITERAL-. "AUTH=PLAIN" and its like take a way to log in from IMAP alone. Sessions
	// that are open keep what they have.
	Disable []string `toml:"disable"`
	// How often a client in IDLE is told that the connection stands ("* OK Still here"), for routers that forget silent
	// connections; "0s" is never, and lets telephones sleep.
	StillHere Duration `toml:"still_here" restart:"true"`

	Client []Client `toml:"client"`
}

// Client is a mail program that is better off without something. Each [[imap.client]]
// block is one. Programs say who they are with ID; in the patterns "*" stands for anything, and case does not matter. All that are
// given must fit; a program that several blocks fit loses what any of them says.
type Client struct {
	// Pattern of its name.
	Name string `toml:"name"`
	// Pattern of its version.
	Version string `toml:"version"`
	// Pattern of its vendor.
	Vendor string `toml:"vendor"`
	// Capabilities that it is not to have, as in imap.disable.
	Disable []string `toml:"disable"`
}

// DNS says whom the server asks for names: where mail goes, and who may speak for whom. Mail is only as safe on its way as these answers
// (docs/operators/dns.md).
type DNS struct {
	// Addresses of recursive resolvers, such as "127.0.0.1" or "[::1]:5353", asked in this order. When it is empty, those of /etc/resolv.conf are
	// asked. Where one of them is on this machine, or trusted says so, only such ones are: the others could not tell what DNSSEC has proved.
	Servers []Resolver `toml:"servers" restart:"true"`
	// Believe all of them when they say that an answer was proved by DNSSEC, and not only those on this machine's loopback addresses. For
	// resolvers that validate, behind a network on which nobody else can write; otherwise whoever can would decide what is proved.
	Trusted bool `toml:"trusted" restart:"true"`
}

// MTASTS says what other mail servers are told about TLS on the way to this one (RFC 8461), for all of its domains. It is served at listen.https, and
// a TXT record of each domain announces it (`restante dns show`). Servers that know it then deliver to no host but these, and not without TLS.
type MTASTS struct {
	// "off" serves no policy. "testing" only has failures reported; begin with it. "enforce" lets mail wait rather than go without TLS. "none" is said for a
	// while (max_age) before a policy is switched off again.
	Mode string `toml:"mode" restart:"true"`
	// Names of the hosts that take mail, as in MX records: "mail.example.org", "*.example.org". When it is empty, host.
	MX []string `toml:"mx" restart:"true"`
	// How long others remember the policy: from 1d to 365d.
	MaxAge Duration `toml:"max_age" restart:"true"`
}

// Limits bound what clients can take.
type Limits struct {
	// Largest message.
	Message Size `toml:"message" restart:"true"`
	// Recipients of one message that arrives by SMTP or LMTP.
	Recipients int `toml:"recipients" restart:"true"`
	// Connections at once, of all protocols together.
	Connections int `toml:"connections" restart:"true"`
	// Connections at once from one address (of IPv6, one /64). Mail programs open up
	// to ten each, and an office has one address. 0 is no limit.
	ConnectionsPerAddress int `toml:"connections_per_address" restart:"true"`
	// Messages that one IMAP command deals with (MESSAGELIMIT). Programs that do not know
	// of this limit see only the newest so many of a larger mailbox.
	IMAPMessages int `toml:"imap_messages" restart:"true"`
	// Messages that one IMAP COPY or APPEND takes (SAVELIMIT).
	IMAPCopies int `toml:"imap_copies" restart:"true"`
}

// POP says what becomes of messages that a device has downloaded and deleted by
// POP3, where neither its domain, nor the account, nor the device has a rule of its own
// (`restante domain policy`, `restante device policy`). What a device deletes it is not shown again; the
// message itself stays for everybody else as long as the rules say.
type POP struct {
	// How long messages stay after the first device has taken them: "none",
	// "forever" or a period.
	Keep string `toml:"keep"`
	// What becomes of them then: "trash", "archive" or "delete".
	Then string `toml:"then"`
	// Whether they wait until "all" devices that use POP3 have taken them, or for "any" one.
	WaitFor string `toml:"wait_for"`
	// What a new device is offered first: "all" mail that there is, what comes from
	// "now" on, or what came in the last period, such as "14d".
	Start string `toml:"start"`
	// What a maildrop is made of: the "inbox", or "all" mailboxes but Junk and Trash.
	Scope string `toml:"scope"`
	// When a message becomes read for the others: "on_dele", "on_retr" or "never".
	MarkSeen string `toml:"mark_seen"`
	// Whether each device has its "own" view, or all have one that is "shared".
	View string `toml:"view"`
	// How long a device has to wait between two logins: "none", or a period up to an hour, such as "60s". Programs that
	// come sooner are refused until then.
	LoginDelay string `toml:"login_delay"`
}

// Retain says how long messages stay in mailboxes that empty themselves, where
// neither their owners nor their domain (`restante domain policy`) have said. Flagged ones stay. What leaves can be put back for
// store.recovery.
type Retain struct {
	// Junk. "0d" keeps everything.
	Junk Duration `toml:"junk"`
	// Trash. "0d" keeps everything.
	Trash Duration `toml:"trash"`
}

// Quota says what happens when an account's quota is used up. Owners are told
// at 80, 90 and 95 per cent.
type Quota struct {
	// How much an account may keep for which neither itself nor its domain says more (`restante account quota`,
	// `restante domain quota`). "0B" is no limit.
	Account Size `toml:"account"`
	// For how long mail is deferred, so that senders try again and nothing is lost,
	// before it is refused and they are told.
	Grace Duration `toml:"grace" restart:"true"`
}

// Store says how mail is kept.
type Store struct {
	// How long a removed message can be put back; then it is erased. "0d" erases
	// at once.
	Recovery Duration `toml:"recovery" restart:"true"`
	// Memory for what was read lately; it is taken as it is needed. More makes big
	// and many accounts faster; 1/4 of the machine is right where it does nothing
	// else. A machine of 512 MB wants "64MiB". At "32MiB" and less all of the store's
	// memory is kept small.
	Cache Size `toml:"cache" restart:"true"`
}

// Search has the text index, which makes searching for words quick. It lies in
// the folder search beside the mail, and may be deleted while the server is not
// running: it is made again. What a search finds is the same without it.
type Search struct {
	// Keep a text index. It needs about as much space as the texts of all messages,
	// without their attachments.
	Enabled bool `toml:"enabled" restart:"true"`
	// How much of one processor the index may take at most, in percent, when mail
	// comes faster than it can be indexed.
	Processor int `toml:"processor" restart:"true"`
}

// Backup has copies of all mail made by the running server, each as of one moment.
// The first takes as much space as the store, and each later one what is new.
type Backup struct {
	// Folder for them, best on another disk or a mounted file system of another machine. Whoever reads it reads the mail. When it is
	// empty, the server makes none by itself.
	To string `toml:"to" restart:"true"`
	// How often one is made. Once a day the newest is read back whole.
	Every Duration `toml:"every" restart:"true"`
	// How many hours have their last one kept.
	KeepHourly int `toml:"keep_hourly" restart:"true"`
	// How many days have their last one kept.
	KeepDaily int `toml:"keep_daily" restart:"true"`
	// How many weeks have their last one kept.
	KeepWeekly int `toml:"keep_weekly" restart:"true"`
}

// Log says what is logged, on standard error.
type Log struct {
	// "error", "warn", "info" or "debug". Debug logs every line of every
	// connection, passwords masked.
	Level string `toml:"level"`
	// "text" or "json".
	Format string `toml:"format" restart:"true"`
}

// Default is the configuration of an empty file.
func Default() *Config {
	return &Config{
		Listen: Listen{
			SMTP:        []Address{":25"},
			LMTP:        []Address{},
			Submission:  []Address{":587"},
			Submissions: []Address{":465"},
			POP3:        []Address{":110"},
			POP3S:       []Address{":995"},
			IMAP:        []Address{":143"},
			IMAPS:       []Address{":993"},
			HTTP:        []Address{},
			HTTPS:       []Address{},

			Metrics: []Address{},
			Proxies: []Network{}, ProxyProtocol: []string{"smtp", "submission", "submissions", "pop3", "pop3s", "imap", "imaps", "http", "https"},
		},
		Login: Login{
			Administrators: []string{},
			Guard:          true, MinPassword: 8, Remember: Duration(time.Minute),
			Mechanisms:  []string{"SCRAM-SHA-256", "PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2", "EXTERNAL"},
			Certificate: []Certificate{}, OAuth: []OAuth{},
		},
		IMAP:   IMAP{Disable: []string{}, Client: []Client{}},
		Limits: Limits{Message: 50 << 20, Recipients: 100, Connections: 10_000, ConnectionsPerAddress: 100, IMAPMessages: 10_000_000, IMAPCopies: 1_000_000},
		POP:    POP{Keep: "30d", Then: "trash", WaitFor: "all", Start: "all", Scope: "inbox", MarkSeen: "on_dele", View: "own", LoginDelay: "none"},
		Retain: Retain{Junk: Duration(14 * 24 * time.Hour), Trash: Duration(30 * 24 * time.Hour)},
		Quota:  Quota{Grace: Duration(3 * 24 * time.Hour)},
		Send:   defaultSend(),
		ACME:   defaultACME(),
		Check:  defaultCheck(),
		Report: defaultReport(),
		Guard:  defaultGuard(),
		Trace:  defaultTrace(),
		Store:  Store{Recovery: Duration(30 * 24 * time.Hour), Cache: 256 << 20},
		Search: Search{Enabled: true, Processor: 50},
		DKIM:   DKIM{Automatic: true, Remind: Duration(180 * 24 * time.Hour)},
		MTASTS: MTASTS{Mode: "off", MX: []string{}, MaxAge: Duration(7 * 24 * time.Hour)},
		Backup: Backup{Every: Duration(24 * time.Hour), KeepHourly: 24, KeepDaily: 30, KeepWeekly: 12},
		Log:    Log{Level: "info", Format: "text"},
	}
}
