package confd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"restante/internal/proto/addr"
	"restante/internal/serve/listen"
	"restante/internal/trust/tlspolicy"
)

var update = flag.Bool("update", false, "rewrite golden files")

func newServer() *Server {
	return New(Options{
		Host: "mail.example.net",
		Hosts: func(_ context.Context, d addr.Domain) (bool, error) {
			return d == "example.org" || d == "xn--mller-kva.example", nil
		},
		Services: []Service{
			{Kind: IMAP, Port: 993}, {Kind: POP3, Port: 995}, {Kind: SMTP, Port: 465}, {Kind: SMTP, Port: 587, StartTLS: true},
		},
		Policy: tlspolicy.Policy{Mode: tlspolicy.ModeEnforce, MX: []string{"mail.example.net"}, MaxAge: 7 * 24 * time.Hour},
		Token: func(host, token string) (string, bool) {
			return "token-7.thumbprint", host == "imap.example.org" && token == "token-7"
		},
		Clock: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
	})
}

// A profile is signed where there is something to sign with.
func TestSignedProfile(t *testing.T) {
	for _, test := range []struct {
		signed []byte
		err    error
		status int
		kind   string
	}{
		{[]byte("signed"), nil, 200, "application/x-apple-aspen-config"},
		{nil, nil, 200, "application/x-apple-aspen-config; charset=utf-8"},
		{nil, io.ErrUnexpectedEOF, 503, "text/plain; charset=utf-8"},
	} {
		s := newServer()
		s.opts.Sign = func(profile []byte) ([]byte, error) {
			if !bytes.HasPrefix(profile, []byte("<?xml")) {
				t.Errorf("asked to sign %q", profile)
			}
			return test.signed, test.err
		}
		r, b, err := read(strings.NewReader("GET /apple.mobileconfig?email=anna@example.org HTTP/1.1\r\nHost: mail.example.net\r\n\r\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		reply := s.answer(r, b, true)
		body, err := io.ReadAll(reply.Body)
		if err != nil || reply.StatusCode != test.status || reply.Header.Get("Content-Type") != test.kind {
			t.Errorf("%v: %d %v, %v", test, reply.StatusCode, reply.Header, err)
		}
		if test.signed != nil && string(body) != "signed" {
			t.Errorf("%q", body)
		}
	}
}

// TestGolden sends the requests of testdata/*.txt, where the answer follows after a line of "----". A first line "http" instead of "https" is one
// without TLS; lines of a request end in LF there.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			question, want, _ := strings.Cut(string(src), "\n----\n")
			scheme, text, _ := strings.Cut(question, "\n")
			head, body, _ := strings.Cut(text, "\n\n")
			got := ask(t, scheme == "https", strings.ReplaceAll(head, "\n", "\r\n"), body)
			if *update {
				if err := os.WriteFile(file, []byte(question+"\n----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func ask(t *testing.T, secure bool, head, body string) string {
	t.Helper()
	if body != "" {
		head += "\r\nContent-Length: " + strconv.Itoa(len(body))
	}
	r, b, err := read(strings.NewReader(head+"\r\n\r\n"+body), func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	reply := newServer().answer(r, b, secure)
	reply.Request = r
	var out bytes.Buffer
	if err := reply.Write(&out); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(out.String(), "\r\n", "\n")
}

// dial runs a connection through listen.
func dial(t *testing.T) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	l := listen.New(listen.Options{Name: "http", Handler: newServer().Handle})
	go func() {
		defer close(done)
		l.ServeConn(context.Background(), server)
	}()
	t.Cleanup(func() {
		client.Close()
		<-done
	})
	return client
}

func TestConnection(t *testing.T) {
	c := dial(t)
	io.WriteString(c, "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: autoconfig.example.org:80\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || !resp.Close || !bytes.Contains(b, []byte("<hostname>mail.example.net</hostname>")) {
		t.Errorf("%v %v %s", resp, err, b)
	}
}

// Outlook waits for permission before it sends what it asks.
func TestExpectContinue(t *testing.T) {
	c := dial(t)
	in := bufio.NewReader(c)
	io.WriteString(c, "POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: mail.example.net\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
	if line, err := in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	in.ReadString('\n')
	io.WriteString(c, "<a/>")
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusFound { // not HTTPS
		t.Errorf("%v %v", resp, err)
	}
}

func TestTooMuch(t *testing.T) {
	for name, request := range map[string]string{
		"header":   "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", MaxRequest),
		"announce": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n",
		"chunks":   "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n" + strings.Repeat("x", MaxRequest),
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t)
			go io.WriteString(c, request) // owner: dial, which closes the connection
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%v %v", resp, err)
			}
		})
	}
}

func TestNoRequest(t *testing.T) {
	c := dial(t)
	io.WriteString(c, "\x16\x03\x01 this is TLS\r\n\r\n")
	if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%v %v", resp, err)
	}
}

func TestParsePOXRefuses(t *testing.T) {
	address := "<Autodiscover><Request><EMailAddress>%s</EMailAddress></Request></Autodiscover>"
	for name, body := range map[string]string{
		"empty":     "",
		"no XML":    "hello",
		"open":      "<Autodiscover><Request>",
		"doctype":   `<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>` + strings.ReplaceAll(address, "%s", "&b;"),
		"entity":    strings.ReplaceAll(address, "%s", "&b;"),
		"deep":      strings.Repeat("<a>", 100),
		"charset":   `<?xml version="1.0" encoding="utf-16"?>` + strings.ReplaceAll(address, "%s", "a@example.org"),
		"no one":    strings.ReplaceAll(address, "%s", ""),
		"elsewhere": "<Request><EMailAddress>a@example.org</EMailAddress></Request>",
	} {
		if r, err := parsePOX([]byte(body)); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// FuzzPOX: whatever comes, nothing but a 200 or 302 with XML that can be read comes back, and no address that was not in the request.
func FuzzPOX(f *testing.F) {
	f.Add([]byte(`<Autodiscover xmlns="x"><Request><EMailAddress>anna@example.org</EMailAddress></Request></Autodiscover>`))
	f.Add([]byte(`<!DOCTYPE a><a/>`))
	f.Add([]byte(`<Autodiscover><Request><EMailAddress>&lt;&#65;@example.org</EMailAddress></Request></Autodiscover>`))
	s := newServer()
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := http.NewRequest(http.MethodPost, "https://example.org/autodiscover/autodiscover.xml", nil)
		if err != nil {
			t.Fatal(err)
		}
		reply := s.answer(r, body, true)
		b, err := io.ReadAll(reply.Body)
		if err != nil || reply.StatusCode != http.StatusOK {
			t.Fatal(reply.StatusCode, err)
		}
		dec := xml.NewDecoder(bytes.NewReader(b))
		for {
			if _, err := dec.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, b)
			}
		}
	})
}
