package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// tenants makes an owner with a colleague and a stranger of another tenant.
func tenants(f *fixture) (owner, colleague, stranger *store.Account) {
	f.t.Helper()
	var all []*store.Account
	for _, t := range []store.TenantID{1, 1, 2} {
		id, err := f.CreateAccount(context.Background(), store.AccountOptions{Tenant: t})
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, f.handle(id))
	}
	return all[0], all[1], all[2]
}

func TestRights(t *testing.T) {
	const lr = store.RightLookup | store.RightRead
	f := newFixture(t)
	owner, colleague, stranger := tenants(f)
	for i, tt := range []struct {
		grants []store.Grant
		want   store.Rights // of the colleague
	}{
		{nil, 0},
		{[]store.Grant{{Who: colleague.ID(), Rights: lr}}, lr},
		{[]store.Grant{{Who: store.Anyone, Rights: lr}}, lr},
		{[]store.Grant{{Who: store.Anyone, Rights: store.RightLookup}, {Who: colleague.ID(), Rights: store.RightRead}}, lr},
		{[]store.Grant{{Who: store.Anyone, Rights: lr}, {Who: colleague.ID(), Negative: true, Rights: store.RightRead}}, store.RightLookup},
		{[]store.Grant{{Who: store.Anyone, Negative: true, Rights: lr}, {Who: colleague.ID(), Rights: store.AllRights}}, store.AllRights &^ lr},
		{[]store.Grant{{Who: stranger.ID(), Rights: store.AllRights}}, 0},
		{[]store.Grant{{Who: colleague.ID(), Negative: true, Rights: lr}}, 0},
	} {
		var id store.MailboxID
		f.update(owner, func(tx *store.Tx) (err error) {
			if id, err = tx.CreateMailbox(fmt.Sprintf("box%d", i), store.RoleNone); err != nil {
				return err
			}
			for _, g := range tt.grants {
				if err := tx.SetACL(id, g.Who, g.Negative, g.Rights); err != nil {
					return err
				}
			}
			return nil
		})
		m, _ := owner.View().Mailbox(id)
		if got := m.Rights(colleague.View().Visitor()); got != tt.want {
			t.Errorf("%v: the colleague has %b, want %b", tt.grants, got, tt.want)
		}
		if got := m.Rights(stranger.View().Visitor()); got != 0 {
			t.Errorf("%v: one of another tenant has %b", tt.grants, got)
		}
		if m.Rights(owner.View().Visitor()) != store.AllRights || m.Rights(store.Visitor{}) != store.AllRights {
			t.Errorf("%v: the owner lacks rights", tt.grants)
		}
	}
	for who, want := range map[*store.Account]int{colleague: 1, stranger: 1, owner: 0} {
		got, err := f.SharedWith(context.Background(), who.View().Visitor(), 10)
		if err != nil || len(got) != want {
			t.Errorf("account %d is shared with by %v, %v", who.ID(), got, err)
		}
	}
}

func TestCopyToAnotherAccount(t *testing.T) {
	f := newFixture(t)
	owner, colleague, stranger := tenants(f)
	for i := range 5 {
		f.add(owner, "INBOX", message(i)+strings.Repeat("x", 5000), store.AddOptions{Flags: store.Seen | store.Flagged, Keywords: []string{"work"}, Prepend: []byte("Return-Path: <>\r\n")})
	}
	ctx := context.Background()
	from, to := f.box(owner, "INBOX"), f.box(colleague, "Archive")
	placed, err := owner.CopyTo(ctx, store.Origin{}, from, []store.UIDRange{{Lo: 2, Hi: 3}}, colleague, to.ID())
	if err != nil || len(placed) != 2 {
		t.Fatal(placed, err)
	}
	to = f.box(colleague, "Archive")
	for _, p := range placed {
		a, b := from.Entry(p.From), to.Entry(p.To)
		if f.read(colleague, b.Message) != f.read(owner, a.Message) || b.Flags != a.Flags || b.Size != a.Size || b.Internal != a.Internal {
			t.Errorf("UID %d came as %+v", p.From, b)
		}
		if k := slices.Collect(colleague.View().KeywordsOf(b)); len(k) != 1 || k[0] != "work" {
			t.Errorf("keywords %v", k)
		}
	}
	if colleague.View().Used().Messages != 2 {
		t.Errorf("used %+v", colleague.View().Used())
	}
	// Nobody is left with a part of it.
	f.update(colleague, func(tx *store.Tx) error { return tx.SetQuota(store.Quota{Messages: 4}) })
	if _, err := owner.CopyTo(ctx, store.Origin{}, from, everything(), colleague, to.ID()); !errors.Is(err, store.ErrOverQuota) {
		t.Errorf("over quota: %v", err)
	}
	if n := f.box(colleague, "Archive").Len(); n != 2 {
		t.Errorf("%d messages after a copy that failed", n)
	}
	if _, err := owner.CopyTo(ctx, store.Origin{}, from, everything(), stranger, f.box(stranger, "INBOX").ID()); !errors.Is(err, store.ErrNoPerm) {
		t.Errorf("to another tenant: %v", err)
	}
	// The bodies outlive the account that they came from.
	if err := f.EraseAccount(ctx, owner.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if got := f.read(colleague, placed[0].Message); !strings.Contains(got, "number 1") {
		t.Errorf("read %q", got[:60])
	}
}

func TestAnnotationsAreBounded(t *testing.T) {
	engine := memkv.New()
	f := open(t, engine, store.Options{})
	h := f.account()
	inbox, sent := f.box(h, "INBOX").ID(), f.box(h, "Sent").ID()
	set := func(mbox store.MailboxID, user store.AccountID, entry string, size int) error {
		_, err := h.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error {
			return tx.SetAnnotation(mbox, user, entry, make([]byte, size))
		})
		return err
	}
	for _, bad := range []string{"", "/", "x", "/a/", "/a//b", "/A", "/a*", "/é", "/" + strings.Repeat("a", 255)} {
		if err := set(inbox, 0, bad, 1); !errors.Is(err, store.ErrBadName) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := set(inbox, 0, "/big", store.MaxAnnotation+1); !errors.Is(err, store.ErrTooBig) {
		t.Error(err)
	}
	for i := range 100 {
		if err := set(inbox, 0, fmt.Sprintf("/n%d", i), 1); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := set(inbox, 0, "/one-more", 1); !errors.Is(err, store.ErrLimit) {
		t.Error(err)
	}
	if err := set(inbox, 0, "/n5", 500); err != nil {
		t.Error("replacing:", err)
	}
	// Others' private ones have less room than the owner's.
	var err error
	for i := 0; err == nil; i++ {
		err = set(sent, store.AccountID(1000+i/50), fmt.Sprintf("/n%d", i), 16<<10)
	}
	if !errors.Is(err, store.ErrLimit) || h.View().Used().Octets > 300<<10 {
		t.Errorf("%v at %d octets", err, h.View().Used().Octets)
	}
	if err := set(sent, h.ID(), "/mine", 16<<10); err != nil {
		t.Error("the owner:", err)
	}
	// They go with the mailbox, and nothing of them is charged then; they are the same after a restart.
	again := open(t, engine, store.Options{})
	if a, b := again.handle(h.ID()).View(), h.View(); a.Used() != b.Used() || a.Annotation(sent, h.ID(), "/mine") == nil {
		t.Errorf("after a restart %+v, before %+v", a.Used(), b.Used())
	}
	f.update(h, func(tx *store.Tx) error { return tx.DeleteMailbox(sent) })
	f.update(h, func(tx *store.Tx) error {
		for i := range 100 {
			if err := tx.SetAnnotation(inbox, 0, fmt.Sprintf("/n%d", i), nil); err != nil {
				return err
			}
		}
		return nil
	})
	if used := h.View().Used(); used.Octets != 0 {
		t.Errorf("used %+v", used)
	}
}
