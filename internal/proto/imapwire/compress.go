package imapwire

import "strings"

// Compress is COMPRESS (RFC 4978 3).
type Compress struct{ Algorithm string } // in capitals

// CommandName is COMPRESS.
func (*Compress) CommandName() string { return "COMPRESS" }

// compress = "COMPRESS" SP algorithm
func (d *Decoder) parseCompress() Command {
	var c Compress
	if d.sp() {
		name, _ := d.atom("an algorithm")
		c.Algorithm = strings.ToUpper(name)
	}
	return done(d, &c)
}

func (c *Compress) appendArgs(_ wire, b []byte) []byte { return append(append(b, ' '), c.Algorithm...) }
