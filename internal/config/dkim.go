package config

// DKIM is how mail is signed that people send (RFC 6376). The keys of a domain are the server's, and a domain gets its first ones when it is added
// (`restante dkim --help`).
type DKIM struct {
	// Begin to sign with new keys by itself once they are seen in the DNS, where it looks every hour, and whenever `restante dns check` is asked. Without that
	// `restante dkim use` begins.
	Automatic bool `toml:"automatic" restart:"true"`
	// After how long `restante status` and `restante dns check` advise to change keys. 0 is never.
	Remind Duration `toml:"remind" restart:"true"`
}
