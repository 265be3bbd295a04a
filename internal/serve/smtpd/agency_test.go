package smtpd_test

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"restante/internal/directory"
	"restante/internal/flow/queue"
	"restante/internal/flow/submission"
	"restante/internal/proto/addr"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// agency is what stands behind a submission server: u1 and u2 of demo.test, password "pass"; all@demo.test is both, info@demo.test is u1; u1 may send as
// club@else.test, and has a device "phone" that may only read.
type agency struct {
	t     *testing.T
	store *store.Store
	dir   *directory.Directory
	sub   *submission.Submission
	u1    store.AccountID
	ids   map[string]string // queue ids, by what is shown in their place
}

func newAgency(t *testing.T) *agency {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(ctx, memkv.New(), store.Options{})
	must(err)
	dir, err := directory.Open(ctx, s, directory.Options{DefaultDomain: "demo.test", MinPassword: 1, Detail: "+", Cost: directory.Cost{Memory: 64, Time: 1, Iterations: 4096}})
	must(err)
	o := &agency{t: t, store: s, dir: dir, ids: make(map[string]string)}
	must(dir.AddDomain(ctx, "demo.test"))
	credential, err := dir.Derive(ctx, "pass")
	must(err)
	at := func(local string) addr.Address { return addr.Address{Local: local, Domain: "demo.test"} }
	for _, name := range []string{"u2", "u1"} {
		a, err := dir.CreateAccount(ctx, at(name), directory.NewAccount{Credential: credential})
		must(err)
		o.u1 = a.ID
	}
	_, err = dir.AddAlias(ctx, at("all"), directory.NewAlias{Targets: []addr.Address{at("u1"), at("u2")}})
	must(err)
	_, err = dir.AddAlias(ctx, at("info"), directory.NewAlias{Targets: []addr.Address{at("u1")}})
	must(err)
	must(dir.SetSendAs(ctx, at("u1"), []addr.Address{{Local: "club", Domain: "else.test"}}))
	_, _, err = dir.AddDevice(ctx, at("u1"), directory.NewDevice{Name: "phone", Scopes: []directory.Scope{directory.ScopeIMAP}, NoPassword: true})
	must(err)
	o.sub = submission.New(submission.Options{
		Store: s, Directory: dir, Front: &queue.Front{Store: s, Clock: time.Now}, Host: "mx.demo.test", Limits: submission.Limits{Messages: 20, Strangers: 6},
	})
	return o
}

var queueID = regexp.MustCompile(`[0-9a-v]{13}\b`)

// queue shows what is there and empties it.
func (o *agency) queue() string {
	var b strings.Builder
	err := o.store.Queue(context.Background(), 0, func(q *store.Queued) error {
		due, _ := q.Due()
		fmt.Fprintf(&b, "from %s account %d device %d", q.Mail.From.Path(), q.Account, q.Device)
		if wait := due.Sub(q.Accepted); wait > 0 {
			fmt.Fprintf(&b, " in %v", wait)
		}
		fmt.Fprintf(&b, " class %d expires %v id %s\n", q.Class, q.Expires.Sub(q.Accepted), queueID.ReplaceAllString(q.MessageID, "QUEUEID"))
		for i := range q.Recipients {
			fmt.Fprintf(&b, "to %s notify=%s\n", q.Recipients[i].To, q.Recipients[i].Notify)
		}
		text := o.store.QueuedText(q)
		var octets bytes.Buffer
		if err := text.CopyRange(context.Background(), &octets, 0, text.Size()); err != nil {
			return err
		}
		b.WriteString(show(octets.String()))
		return nil
	})
	if err != nil {
		return err.Error()
	}
	for {
		list, err := o.store.QueueDue(context.Background(), store.QueueNormal, store.QueueItem{}, time.Now().AddDate(1, 0, 0), 100)
		if err != nil || len(list) == 0 {
			break
		}
		for _, item := range list {
			q, _ := o.store.Queued(context.Background(), item.ID)
			for i := range q.Recipients {
				q.Recipients[i].State = store.QueueRelayed
			}
			_ = o.store.Requeue(context.Background(), q)
		}
	}
	return b.String()
}

// show shows a message, line by line.
func show(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		b.WriteString("| " + queueID.ReplaceAllString(line, "QUEUEID") + "\n")
	}
	return b.String()
}

func (o *agency) mailbox(name string) string {
	ctx := context.Background()
	h, err := o.store.Account(ctx, o.u1)
	if err != nil {
		return err.Error()
	}
	defer h.Close()
	m, err := h.View().Lookup(name)
	if err == nil {
		err = m.Load(ctx)
	}
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for e := range m.All() {
		msg, err := h.Message(ctx, e.Message, 0)
		if err != nil {
			return err.Error()
		}
		var octets bytes.Buffer
		if err := msg.CopyRange(ctx, &octets, 0, msg.Size()); err != nil {
			return err.Error()
		}
		fmt.Fprintf(&b, "UID %d seen %v\n%s", e.UID, e.Flags&store.Seen != 0, show(octets.String()))
	}
	if b.Len() == 0 {
		return "empty"
	}
	return b.String()
}

func (o *agency) revoke() string {
	if err := o.dir.ChangePassword(context.Background(), addr.Address{Local: "u1", Domain: "demo.test"}, "another"); err != nil {
		return err.Error()
	}
	return "ok"
}
