package flow

import "net/netip"

// Door is what was found out about a client and its envelope before the message (flow/guard). The zero value is of a client that nobody has looked at.
type Door struct {
	Looked bool
	// Allowed says why nothing of it counts; empty where it does.
	Allowed string
	// Hello is what is wrong with what the client calls itself; empty where nothing is.
	Hello string
	// SPF is what the sender's domain says of the client, where that mattered before the message; otherwise empty.
	SPF string
	// Lists are what those of the DNS say (RFC 5782).
	Lists []Listing
}

// Listing is what one list says of a name.
type Listing struct {
	Zone   string
	Name   string       // the address or domain that was looked up
	Status string       // in the words of RFC 8904 2: pass (it is on the list), none, temperror, permerror (the list is broken, or does not answer us)
	Answer []netip.Addr // where it is pass
	Text   string       // what the list says about it; may be empty; bounded, and ASCII
	Secure bool         // DNSSEC has proved it
	Allow  bool         // it is a list of those who are welcome
	Weight int          // of a pass
}

// Listed says whether the name is on the list.
func (l *Listing) Listed() bool { return l.Status == "pass" }

// Weight is that of all lists together.
func (d *Door) Weight() (sum int) {
	for i := range d.Lists {
		if l := &d.Lists[i]; l.Listed() && !l.Allow {
			sum += l.Weight
		}
	}
	return sum
}

// Refusal is an error with words for the client that are not always the same; what reply they go with is for the protocol to say, by Err.
type Refusal struct {
	Err  error
	Text string
}

// Error says why, for the log.
func (r *Refusal) Error() string { return r.Err.Error() + ": " + r.Text }

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }
