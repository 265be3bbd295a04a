package imapwire

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"restante/internal/proto/mime"
)

// TestStructure reads messages from testdata/structure/*.txt and compares their ENVELOPE, BODY and BODYSTRUCTURE, with and without UTF-8,
// with the .golden file beside.
func TestStructure(t *testing.T) {
	files, err := filepath.Glob("testdata/structure/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no messages", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
			got := structures(t, mime.Parse(text))
			golden := strings.TrimSuffix(file, ".txt") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("run with -update to accept:\n%s", diff)
			}
		})
	}
}

func structures(t *testing.T, msg *mime.Message) string {
	var all strings.Builder
	for _, utf8 := range []bool{false, true} {
		wire := encode(t, utf8, func(e *Encoder) {
			f := e.Fetch(1)
			f.Envelope(msg.Envelope())
			f.Body(&msg.Root)
			f.BodyStructure(&msg.Root)
			f.End()
		})
		if n := 0; true {
			for res, err := range responses(wire) {
				if n++; err != nil || n > 1 || len(res.Values) != 1 || len(res.Values[0].List) != 6 {
					t.Fatalf("not one response of three items: %v\n%s", err, wire)
				}
			}
		}
		wire = strings.NewReplacer("\r\n", "\n", " BODY", "\nBODY").Replace(wire)
		if utf8 && wire != all.String() {
			all.WriteString("with UTF-8:\n" + wire)
		} else if !utf8 {
			all.WriteString(wire)
		}
	}
	return all.String()
}
