package zone

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"restante/internal/base/dns"
)

// Checks are what Machine needs to look at a server.
type Checks struct {
	Host     string
	Resolver dns.Resolver
	// Probe is a domain elsewhere whose mail server is connected to; nobody is if it is empty.
	Probe string
	// Dial opens a connection.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Signed is a domain that is known to be signed by DNSSEC; empty: it is not asked.
	Signed string
	// Authority is as in Setup; CAA records are then looked at for Host.
	Authority string
	// Data is the folder with the mail; empty: the disk is not looked at.
	Data string
}

// patience is how long a host elsewhere has to say something.
const patience = 20 * time.Second

// Machine looks at what mail hangs on beside a domain's records.
func Machine(ctx context.Context, c Checks) []Row {
	rows := c.addresses(ctx)
	if c.Authority != "" {
		row := checkCAA(ctx, c.Resolver, authority(c.Host, c.Authority))
		row.What = "CAA " + c.Host
		rows = append(rows, row)
	}
	if c.Probe != "" {
		rows = append(rows, c.wayOut(ctx))
	}
	if c.Signed != "" {
		rows = append(rows, c.validates(ctx))
	}
	rows = append(rows, clock())
	if c.Data != "" {
		rows = append(rows, disk(c.Data))
	}
	return rows
}

// addresses looks at those of the server, and at what their names are: many servers take no mail from an address whose name does not lead back.
func (c Checks) addresses(ctx context.Context) []Row {
	what := "addresses of " + c.Host
	a, err := dns.Addrs(ctx, c.Resolver, c.Host)
	if dns.Absent(err) {
		return []Row{{State: Bad, What: what, Fix: "add A and AAAA records with this machine's public addresses at " + c.Host}}
	}
	if err != nil {
		row := nobody(err)
		row.What = what
		return []Row{row}
	}
	list := make([]string, len(a.IPs))
	for i, ip := range a.IPs {
		list[i] = ip.String()
	}
	slices.Sort(list)
	rows := []Row{{State: Good, What: what, Found: strings.Join(list, ", ")}}
	slices.SortFunc(a.IPs, func(x, y netip.Addr) int { return x.Compare(y) })
	for _, ip := range a.IPs {
		row := Row{State: Good, What: "name of " + ip.String()}
		names, err := dns.Reverse(ctx, c.Resolver, ip)
		row.Found = strings.Join(names, ", ")
		switch {
		case err == nil && slices.Contains(names, c.Host):
		case err == nil:
			row.State, row.Fix = Advice, "have whoever gives you the address name it "+c.Host
		default:
			row.State, row.Found = Bad, err.Error()
			row.Fix = "have whoever gives you the address name it " + c.Host + " (PTR): without that many servers refuse its mail"
		}
		rows = append(rows, row)
	}
	return rows
}

// wayOut connects to a mail server elsewhere.
func (c Checks) wayOut(ctx context.Context) Row {
	row := Row{What: "port 25 out"}
	mx, err := dns.MXs(ctx, c.Resolver, c.Probe)
	if err != nil {
		row = nobody(err)
		row.What = "port 25 out"
		return row
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	host := mx.Hosts[0].Host
	banner, err := c.greeting(ctx, host)
	if err != nil {
		row.State, row.Found = Bad, err.Error()
		row.Fix = "nothing can be delivered: ask your provider to open port 25 for outgoing connections, or send by a smart host"
		return row
	}
	row.State, row.Found = Good, fmt.Sprintf("%s says %s", host, banner)
	return row
}

// greeting is how a mail server greets.
func (c Checks) greeting(ctx context.Context, host string) (string, error) {
	conn, err := c.Dial(ctx, "tcp", net.JoinHostPort(host, "25"))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	b := make([]byte, 512)
	n, err := conn.Read(b)
	if err != nil {
		return "", fmt.Errorf("%s does not greet: %w", host, err)
	}
	line, _, _ := strings.Cut(string(b[:n]), "\r\n")
	code, _, _ := strings.Cut(strings.ToValidUTF8(line, "?"), " ")
	return code, nil
}

// validates asks for something that is signed.
func (c Checks) validates(ctx context.Context) Row {
	a, err := c.Resolver.Query(ctx, c.Signed, dns.MX)
	switch {
	case err != nil && !dns.Absent(err):
		row := nobody(err)
		row.What = "resolver"
		return row
	case !a.Authentic:
		return Row{State: Advice, What: "resolver", Found: "it does not prove answers (DNSSEC)", Fix: "run one that validates on this machine, such as unbound, and name it in [dns] servers: then DANE works"}
	}
	return Row{State: Good, What: "resolver", Found: "it proves answers (DNSSEC)"}
}
