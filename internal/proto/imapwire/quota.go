package imapwire

// Resources of a quota (RFC 9208 5).
const (
	ResourceStorage = "STORAGE" // in units of 1024 octets
	ResourceMessage = "MESSAGE"
	ResourceMailbox = "MAILBOX"
)

// GetQuota is GETQUOTA (RFC 9208 4.1.1).
type GetQuota struct{ Root string }

// GetQuotaRoot is GETQUOTAROOT (RFC 9208 4.1.2).
type GetQuotaRoot struct{ Mailbox Mailbox }

// SetQuota is SETQUOTA (RFC 9208 4.1.3). What is not listed is to have no limit.
type SetQuota struct {
	Root   string
	Limits []QuotaLimit
}

// QuotaLimit is a resource, its name in capitals, and its limit.
type QuotaLimit struct {
	Resource string
	Limit    uint64
}

// QuotaUsage is a resource, how much of it is used, and its limit.
type QuotaUsage struct {
	Resource    string
	Used, Limit uint64
}

// CommandName is GETQUOTA.
func (*GetQuota) CommandName() string { return "GETQUOTA" }

// getquota = "GETQUOTA" SP quota-root-name
func (d *Decoder) parseGetQuota() Command {
	d.sp()
	root, _ := d.astring("a quota root")
	return done(d, &GetQuota{Root: root})
}

func (c *GetQuota) appendArgs(w wire, b []byte) []byte {
	return w.astring(append(b, ' '), c.Root)
}

// CommandName is GETQUOTAROOT.
func (*GetQuotaRoot) CommandName() string { return "GETQUOTAROOT" }

func (c *GetQuotaRoot) appendArgs(w wire, b []byte) []byte {
	return w.mailbox(append(b, ' '), string(c.Mailbox))
}

// CommandName is SETQUOTA.
func (*SetQuota) CommandName() string { return "SETQUOTA" }

// setquota          = "SETQUOTA" SP quota-root-name SP setquota-list
// setquota-list     = "(" [setquota-resource *(SP setquota-resource)] ")"
// setquota-resource = resource-name SP resource-limit
func (d *Decoder) parseSetQuota() Command {
	var c SetQuota
	d.sp()
	c.Root, _ = d.astring("a quota root")
	d.sp()
	d.list(func() bool {
		l := QuotaLimit{Resource: string(d.keyword())}
		if l.Resource == "" {
			return d.fail("expected the name of a resource at column %d", d.pos+1)
		}
		var ok bool
		if d.sp() {
			l.Limit, ok = d.number64("a limit")
		}
		c.Limits = append(c.Limits, l)
		return ok
	})
	return done(d, &c)
}

func (c *SetQuota) appendArgs(w wire, b []byte) []byte {
	b = w.astring(append(b, ' '), c.Root)
	b = append(b, ' ')
	for i, l := range c.Limits {
		b = append(append(listSep(b, i), l.Resource...), ' ')
		b = appendUint(b, l.Limit)
	}
	if len(c.Limits) == 0 {
		b = append(b, '(')
	}
	return append(b, ')')
}

// Quota writes a QUOTA response (RFC 9208 4.2.1).
//
//	quota-response = "QUOTA" SP quota-root-name SP quota-list
//	quota-list     = "(" quota-resource *(SP quota-resource) ")"
//	quota-resource = resource-name SP resource-usage SP resource-limit
func (e *Encoder) Quota(root string, list []QuotaUsage) {
	e.start("QUOTA ")
	e.buf = append(e.wire.astring(e.buf, root), " ("...)
	for i, q := range list {
		if i > 0 {
			e.buf = append(e.buf, ' ')
		}
		e.buf = append(append(e.buf, q.Resource...), ' ')
		e.buf = appendUint(append(appendUint(e.buf, q.Used), ' '), q.Limit)
	}
	e.buf = append(e.buf, ')')
	e.end()
}

// QuotaRoot writes a QUOTAROOT response (RFC 9208 4.2.2).
//
//	quotaroot-response = "QUOTAROOT" SP mailbox *(SP quota-root-name)
func (e *Encoder) QuotaRoot(m Mailbox, roots ...string) {
	e.start("QUOTAROOT ")
	e.buf = e.wire.mailbox(e.buf, string(m))
	for _, root := range roots {
		e.buf = e.wire.astring(append(e.buf, ' '), root)
	}
	e.end()
}
