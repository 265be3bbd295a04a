package app

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// Mail programs and other servers find what they ask for at the domain's names, over TLS.
func TestProgramsAreToldTheWay(t *testing.T) {
	file := configFile(t, t.TempDir(), "")
	b, err := os.ReadFile(file)
	if err == nil {
		text := strings.Replace(string(b), "[listen]\n", "[mta_sts]\nmode = \"testing\"\n[listen]\nhttps = [\"127.0.0.1:0\"]\n", 1)
		err = os.WriteFile(file, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	h := startWith(t, file).furnished(t)
	address := ""
	for _, l := range h.Listeners() {
		if l.Protocol == "https" {
			address = l.Address
		}
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // it is self-signed
	}}
	for url, want := range map[string]string{
		"https://mta-sts.example.org/.well-known/mta-sts.txt":                      "version: STSv1\r\nmode: testing\r\nmx: mail.example.org\r\n",
		"https://autoconfig.example.org/mail/config-v1.1.xml":                      "<hostname>mail.example.org</hostname>",
		"https://autoconfig.example.com/mail/config-v1.1.xml":                      "not served here",
		"https://mail.example.org/mail/config-v1.1.xml?emailaddress=x@example.com": "not kept here",
	} {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(url, err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s %v", url, body, err)
		}
	}
}
