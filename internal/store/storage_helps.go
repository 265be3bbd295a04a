package store

import (
	"cmp"
	"slices"
)

// HelpKind is a way to make room.
type HelpKind uint8

// The ways.
const (
	HelpEmpty   HelpKind = iota // empty a mailbox for refuse: Help.Name is its path
	HelpLargest                 // look at the largest messages
	HelpSender                  // look at a sender's mail: Help.Name is the address
)

// Help is a way to make room, and how much it makes. Ways overlap.
type Help struct {
	Kind HelpKind
	Name string
	Sum
}

const (
	// largeMessage is from how many octets on a message is worth looking at by itself.
	largeMessage = 1 << 20
	// manySent is of how many messages on somebody's mail is worth looking at together.
	manySent = 2
)

// Helps says what helps most to make room, the most first.
func (r *StorageReport) Helps() []Help {
	var out []Help
	for _, m := range r.Mailboxes {
		if (m.Role == RoleTrash || m.Role == RoleJunk) && m.Messages > 0 {
			out = append(out, Help{HelpEmpty, m.Path, Sum{m.Messages, m.Octets}})
		}
	}
	var large Sum
	for _, m := range r.Largest {
		if m.Size >= largeMessage {
			large.add(m.Size)
		}
	}
	if large.Messages > 0 {
		out = append(out, Help{HelpLargest, "", large})
	}
	for _, s := range r.Senders {
		if s.Address != "" && s.Messages >= manySent {
			out = append(out, Help{HelpSender, s.Address, s.Sum})
			break // they are sorted
		}
	}
	slices.SortStableFunc(out, func(a, b Help) int { return cmp.Compare(b.Octets, a.Octets) })
	return out
}
