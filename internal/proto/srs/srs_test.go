package srs_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/proto/srs"
)

var (
	ours   = srs.Keys{[]byte("the first secret of this host")}
	theirs = srs.Keys{[]byte("the secret of another host ....")}
	now    = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
)

func parse(t testing.TB, s string) addr.Address {
	t.Helper()
	a, err := addr.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func forward(t testing.TB, k srs.Keys, from, domain string) string {
	t.Helper()
	a, err := k.Forward(parse(t, from), addr.Domain(domain), now)
	if err != nil {
		t.Fatal(err)
	}
	return a.String()
}

func TestWayThereAndBack(t *testing.T) {
	const from = "Anna.Berg=x@source.example"
	first := forward(t, theirs, from, "a.example")
	second := forward(t, ours, first, "b.example")
	third := forward(t, theirs, second, "c.example")
	for _, row := range []struct{ got, want string }{
		{first, "SRS0=G7AAUS=JL=source.example=Anna.Berg=x@a.example"},
		{second, "SRS1=UUSKYC=a.example==G7AAUS=JL=source.example=Anna.Berg=x@b.example"},
		{third, "SRS1=XFEIGB=a.example==G7AAUS=JL=source.example=Anna.Berg=x@c.example"},
	} {
		if row.got != row.want {
			t.Errorf("got  %s\nwant %s", row.got, row.want)
		}
	}
	for _, row := range []struct {
		by       srs.Keys
		to, want string
	}{
		{theirs, first, from},
		{ours, second, first},
		{theirs, third, first}, // and not to b.example
		{theirs, strings.ToLower(first), strings.ToLower(from)},
		{theirs, strings.Replace(first, "SRS0=", "srs0+", 1), from},
		{srs.Keys{ours[0], theirs[0]}, first, from}, // the older key
	} {
		got, err := row.by.Back(parse(t, row.to), now)
		if err != nil || got.String() != row.want {
			t.Errorf("%s goes back to %s, %v; want %s", row.to, got, err, row.want)
		}
	}
}

func TestOthersAreNotReadBack(t *testing.T) {
	good := forward(t, ours, "u@source.example", "a.example")
	for _, row := range []struct {
		to   string
		at   time.Time
		want error
	}{
		{good, now.AddDate(0, 0, srs.Days), nil},
		{good, now.AddDate(0, 0, srs.Days+1), srs.ErrExpired},
		{good, now.AddDate(0, 0, -1), srs.ErrExpired}, // from the future
		{strings.Replace(good, "source.example", "victim.example", 1), now, srs.ErrForged},
		{strings.Replace(good, "=JL=", "=JM=", 1), now, srs.ErrForged},
		{"SRS0=AAAAAA=TA=source.example=u@a.example", now, srs.ErrForged},
		{"SRS0=AAAAAA@a.example", now, srs.ErrSyntax},
		{"SRS1=AAAAAA=b.example==AAAAAA=TA=source.example=u@a.example", now, srs.ErrForged},
		{"SRS1=AAAAAA=b.example=x@a.example", now, srs.ErrSyntax},
		{"SRS1=@a.example", now, srs.ErrSyntax},
		{"SRS2=AAAAAA=b.example=x@a.example", now, srs.ErrSyntax},
		{"srs@a.example", now, srs.ErrSyntax},
	} {
		if _, err := ours.Back(parse(t, row.to), row.at); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.to, err, row.want)
		}
	}
}

func TestTooLong(t *testing.T) {
	if got, err := ours.Forward(parse(t, strings.Repeat("u", 250)+"@source.example"), "a.example", now); !errors.Is(err, srs.ErrTooLong) {
		t.Errorf("%s, %v", got, err)
	}
}

// FuzzBack: whatever is read back was written by us, and whatever is written is read back.
func FuzzBack(f *testing.F) {
	f.Add("u@source.example")
	f.Add("SRS0=G7AAUS=JL=source.example=u@a.example")
	f.Add("SRS1=UUSKYC=a.example==G7AAUS=JL=source.example=u@b.example")
	f.Add(`"SRS0=a=b=[192.0.2.1]=u u"@a.example`)
	f.Add("SRS1=x=host=-rest@a.example")
	f.Add("srs0-@a.example")
	f.Fuzz(func(t *testing.T, text string) {
		from, err := addr.Parse(text)
		if err != nil || from.Local == "" || from.Domain == "" {
			return
		}
		if back, err := ours.Back(from, now); err == nil {
			t.Fatalf("%s goes back to %s, and nobody wrote it", from, back)
		}
		to, err := ours.Forward(from, "b.example", now)
		if err != nil {
			return
		}
		back, err := ours.Back(to, now)
		if err != nil {
			t.Fatalf("%s is written as %s, and not read: %v", from, to, err)
		}
		if back != from && !srs.Is(from.Local) {
			t.Fatalf("%s comes back as %s", from, back)
		}
	})
}
