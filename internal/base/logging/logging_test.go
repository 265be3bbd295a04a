package logging_test

import (
	"bytes"
	"strings"
	"testing"

	"restante/internal/base/logging"
)

func TestFormatsAndLevels(t *testing.T) {
	for _, tt := range []struct {
		opts logging.Options
		want []string
		not  []string
	}{
		{logging.Options{}, []string{"level=INFO msg=hello n=1 password=***"}, []string{"quiet", "hunter2"}},
		{logging.Options{Format: "json", Level: "debug"}, []string{`"msg":"hello","n":1,"password":"***"`, "quiet"}, []string{"hunter2"}},
		{logging.Options{Level: "ERROR"}, nil, []string{"hello", "quiet"}},
	} {
		var b bytes.Buffer
		log, _, err := logging.New(&b, tt.opts)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("hello", "n", 1, "password", "hunter2")
		log.Debug("quiet")
		for _, w := range tt.want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%+v: no %q in %s", tt.opts, w, b.String())
			}
		}
		for _, w := range tt.not {
			if strings.Contains(b.String(), w) {
				t.Errorf("%+v: %q in %s", tt.opts, w, b.String())
			}
		}
	}
}

func TestLevelChangesWhileRunning(t *testing.T) {
	var b bytes.Buffer
	log, level, err := logging.New(&b, logging.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := logging.SetLevel(level, "debug"); err != nil {
		t.Fatal(err)
	}
	if log.Debug("now seen"); !strings.Contains(b.String(), "now seen") {
		t.Error("the level did not change")
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []logging.Options{{Format: "xml"}, {Level: "loud"}} {
		if _, _, err := logging.New(nil, o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
