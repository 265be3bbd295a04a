package mime_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"restante/internal/proto/mime"
)

func TestWithoutNUL(t *testing.T) {
	data := bytes.Repeat([]byte{0, 1, 'a', '\r', '\n', 0xff}, 40)
	message := "From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n" +
		"--b\r\nContent-Type: application/x-data\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <1>\r\n\r\n" + string(data) + "\r\n--b--\r\n"
	got := mime.WithoutNUL([]byte(message))
	if bytes.IndexByte(got, 0) >= 0 {
		t.Fatal("there is still a NUL")
	}
	p := mime.Parse(got).Root
	if len(p.Parts) != 2 || p.Parts[1].Encoding != "base64" || p.Parts[1].ID != "<1>" || p.Parts[1].DecodedSize != int64(len(data)) {
		t.Fatalf("%+v", p)
	}
	body := got[p.Parts[1].BodyStart:p.Parts[1].End]
	decoded, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, strings.NewReader(strings.ReplaceAll(string(body), "\r\n", ""))))
	if err != nil || !bytes.Equal(decoded, data) {
		t.Errorf("%q, %v", decoded, err)
	}
	if !strings.Contains(string(got), "\r\n\r\nhello\r\n--b\r\n") || !strings.HasSuffix(string(got), "\r\n--b--\r\n") {
		t.Errorf("the rest is not what it was: %q", got)
	}
	for _, whole := range []string{"Subject: x\r\n\r\nno NUL\r\n", "Subject: \x00\r\n\r\nin the header\r\n", "", "Content-Transfer-Encoding: base64\r\n\r\nA\x00==", "\x00"} {
		if got := mime.WithoutNUL([]byte(whole)); string(got) != whole {
			t.Errorf("%q became %q", whole, got)
		}
	}
	for _, bare := range []string{"\r\n\x00", "Subject: x\r\n\r\n\x00", "Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\x00"} {
		got := mime.WithoutNUL([]byte(bare))
		if p := mime.Parse(got).Root; p.Encoding != "base64" || p.DecodedSize != 1 {
			t.Errorf("%q became %q", bare, got)
		}
	}
}
