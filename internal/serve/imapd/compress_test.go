package imapd_test

import (
	"bufio"
	"compress/flate"
	"crypto/tls"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"restante/internal/proto/deflate"
	"restante/internal/store"
)

// compress turns compression on, and returns the writer of the client's stream.
func (c *client) compress() *flate.Writer {
	c.t.Helper()
	c.ok("COMPRESS DEFLATE")
	w, err := flate.NewWriter(c.conn, 6)
	if err != nil {
		c.t.Fatal(err)
	}
	c.r = bufio.NewReader(deflate.NewReader(c.r))
	return w
}

// squeezed sends a command on a compressed connection and reads up to its reply.
func (c *client) squeezed(w *flate.Writer, command string) string {
	c.t.Helper()
	c.tags++
	tag := fmt.Sprintf("t%d", c.tags)
	if _, err := io.WriteString(w, tag+" "+command+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		c.t.Fatal(err)
	}
	return raw(c.until(tag))
}

// TestCompressIsHidden: the capability is offered as long as it can be had (RFC 4978 3), and again after UNAUTHENTICATE.
func TestCompressIsHidden(t *testing.T) {
	h := newHouse(t, plain())
	c := h.login("u1")
	defer c.close()
	if got := raw(c.ok("CAPABILITY")); !strings.Contains(got, "COMPRESS=DEFLATE") {
		t.Error(got)
	}
	w := c.compress()
	if got := c.squeezed(w, "CAPABILITY"); strings.Contains(got, "COMPRESS") || !strings.Contains(got, " OK ") {
		t.Error(got)
	}
}

// TestCompressUnderTLS: compression lies above TLS.
func TestCompressUnderTLS(t *testing.T) {
	o, conf := withTLS(t, plain())
	h := newHouse(t, o)
	h.put("u1", "INBOX", "Subject: x\r\n\r\n"+strings.Repeat("body\r\n", 10_000), store.AddOptions{})
	c := h.client()
	c.ok("STARTTLS")
	c.conn = tls.Client(c.conn, conf)
	c.r = bufio.NewReader(c.conn)
	defer c.close()
	c.ok("LOGIN u1 pass")
	c.ok("SELECT INBOX")
	w := c.compress()
	if got := c.squeezed(w, "FETCH 1 BODY.PEEK[]"); strings.Count(got, "body\r\n") != 10_000 {
		t.Errorf("%d octets", len(got))
	}
}

// TestCompressBomb: a thousand octets for one are counted as a thousand, take no memory, and end when they are too many.
func TestCompressBomb(t *testing.T) {
	h := newHouse(t, plain())
	other := h.login("u1")
	defer other.close()
	for _, head := range []string{"a1 SEARCH SUBJECT ", "a1 APPEND INBOX {4000000000+}\r\n", "a1 LOGIN {1000000000+}\r\n", ""} {
		c := h.login("u1")
		w := c.compress()
		sent := make(chan int)
		go func() {
			n, _ := io.WriteString(w, head)
			zeros := strings.Repeat("0", 1<<20)
			for err := error(nil); err == nil && n < 1<<30; {
				var k int
				k, err = io.WriteString(w, zeros)
				n += k
			}
			sent <- n
		}()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		last, err := io.ReadAll(c.r)
		runtime.ReadMemStats(&after)
		c.close()
		n := <-sent
		if !strings.Contains(string(last), "* BYE ") {
			t.Errorf("%q: %q, %v", head, last, err)
		}
		if n > 64<<20 {
			t.Errorf("%q: %d octets were taken", head, n)
		}
		other.ok("NOOP")
		t.Logf("%q: %d octets, heap from %d to %d: %.80q", head, n, before.HeapAlloc, after.HeapAlloc, last)
	}
}
