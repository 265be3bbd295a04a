package acme

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"restante/internal/base/dns"
)

// Run keeps the certificates good until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	defer k.ca.http.CloseIdleConnections()
	for ctx.Err() == nil {
		next := k.round(ctx)
		timer := time.NewTimer(max(next.Sub(k.opts.Clock()), time.Second))
		select {
		case <-ctx.Done():
		case <-k.kick:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// round does what is due, and returns when something is again.
func (k *Keeper) round(ctx context.Context) (next time.Time) {
	k.work.Lock()
	defer k.work.Unlock()
	next = k.look(ctx)
	for ctx.Err() == nil {
		e, at := k.due()
		if e == nil {
			if at.Before(next) {
				next = at
			}
			break
		}
		_ = k.obtain(ctx, e) // it is in the row, and in the log
	}
	return next
}

// look asks which names are wanted, where that was long ago, and returns when it is to be asked again.
func (k *Keeper) look(ctx context.Context) time.Time {
	now := k.opts.Clock()
	k.mu.Lock()
	next := k.mu.looked.Add(lookEvery)
	k.mu.Unlock()
	if now.Before(next) {
		return next
	}
	names, err := k.opts.Names(ctx)
	if err != nil {
		if ctx.Err() == nil {
			k.opts.Log.Error("which names want certificates cannot be told", "error", err)
		}
		return now.Add(5 * time.Minute)
	}
	k.mu.Lock()
	k.mu.looked = now
	gone := make(map[string]bool, len(k.mu.entries))
	for name := range k.mu.entries {
		gone[name] = true
	}
	for rank, n := range names {
		delete(gone, n.Name)
		e := k.mu.entries[n.Name]
		if e == nil {
			e = new(entry)
			k.mu.entries[n.Name] = e
		} else if n.Way == Unknown && e.Way != Unknown {
			n = e.Name
		}
		e.Name, e.rank, e.gone = n, rank, false
	}
	for name := range gone {
		k.mu.entries[name].gone = true
	}
	k.mu.Unlock()
	k.forget(ctx)
	k.ask(ctx)
	k.warn(ctx)
	return now.Add(lookEvery)
}

// forget drops names that nobody wants, a while after their certificates have ended. What has failed is known until it could be tried again, so that a name that
// comes and goes does not begin anew.
func (k *Keeper) forget(ctx context.Context) {
	now := k.opts.Clock()
	dropped := false
	for _, e := range k.entries() {
		if !e.gone || now.Before(e.Next) || e.cert != nil && now.Before(e.cert.Leaf.NotAfter.Add(forgetAfter)) {
			continue
		}
		if err := k.opts.Storage.Delete(ctx, namePrefix+e.Name.Name); err != nil {
			k.opts.Log.Error("a certificate that nobody wants is not removed", "name", e.Name.Name, "error", err)
			continue
		}
		k.mu.Lock()
		delete(k.mu.entries, e.Name.Name)
		k.mu.Unlock()
		dropped = true
	}
	if dropped {
		k.publish()
	}
}

// entries are all names, sorted. Who holds work may read their rows.
func (k *Keeper) entries() []*entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]*entry, 0, len(k.mu.entries))
	for _, e := range k.mu.entries {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *entry) int { return strings.Compare(a.Name.Name, b.Name.Name) })
	return list
}

// ask has the authority say when certificates are to be renewed, of those whose time it is.
func (k *Keeper) ask(ctx context.Context) {
	now := k.opts.Clock()
	for _, e := range k.entries() {
		if e.cert == nil || e.gone || e.Directory != k.opts.Account.Directory || now.Before(e.Ask) || now.After(e.Renew) || ctx.Err() != nil {
			continue
		}
		r := e.row
		w, ok := k.ca.window(ctx, e.cert.Leaf)
		if ok {
			r.adopt(w, e.cert.Leaf, now)
		} else {
			r.Ask = now.Add(6 * time.Hour)
		}
		k.change(ctx, e, r)
		if !ok {
			return // it does not know, or cannot be reached: the others would not fare better
		}
	}
}

// change puts a row in the place of another, here and in the Storage.
func (k *Keeper) change(ctx context.Context, e *entry, r row) {
	k.mu.Lock()
	e.row = r
	k.mu.Unlock()
	if err := k.store(ctx, e); err != nil {
		k.opts.Log.Error("acme", "error", err)
	}
}

// warn tells of certificates that end soon.
func (k *Keeper) warn(ctx context.Context) {
	now := k.opts.Clock()
	for _, s := range k.List() {
		if !s.Soon {
			continue
		}
		k.opts.Log.Warn("a certificate ends soon, and is not renewed", "name", s.Name, "until", s.Until, "error", s.Error, "advice", s.Advice)
		k.mu.Lock()
		e := k.mu.entries[s.Name]
		k.mu.Unlock()
		if k.opts.Warn == nil || now.Before(e.Warned.Add(warnEvery)) {
			continue
		}
		k.opts.Warn(ctx, s)
		r := e.row
		r.Warned = now
		k.change(ctx, e, r)
	}
}

// wants says when a name is to be asked for; ok is false if it is not.
func (e *entry) wants() (at time.Time, ok bool) {
	if e.gone || e.Way != Here {
		return time.Time{}, false
	}
	at = e.Next
	if e.cert != nil && e.Renew.After(at) {
		at = e.Renew
	}
	return at, true
}

// due is the name whose turn it is, or else when somebody's is. Names without a certificate go before those that have one.
func (k *Keeper) due() (*entry, time.Time) {
	now := k.opts.Clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	earliest := k.mu.pause.Until
	if t := k.fullUntil(now); t.After(earliest) {
		earliest = t
	}
	var best *entry
	next := now.Add(lookEvery)
	for _, e := range k.mu.entries {
		at, ok := e.wants()
		if at.Before(earliest) {
			at = earliest
		}
		switch {
		case !ok:
		case at.After(now):
			if at.Before(next) {
				next = at
			}
		case best == nil || before(e, best):
			best = e
		}
	}
	return best, next
}

// fullUntil is when the next order may begin. It runs under the lock.
func (k *Keeper) fullUntil(now time.Time) time.Time {
	k.mu.begun = slices.DeleteFunc(k.mu.begun, func(t time.Time) bool { return now.Sub(t) >= time.Hour })
	if len(k.mu.begun) < ordersPerHour {
		return now
	}
	return k.mu.begun[0].Add(time.Hour)
}

func before(a, b *entry) bool {
	switch {
	case (a.cert == nil) != (b.cert == nil):
		return a.cert == nil
	case a.cert != nil && !a.cert.Leaf.NotAfter.Equal(b.cert.Leaf.NotAfter):
		return a.cert.Leaf.NotAfter.Before(b.cert.Leaf.NotAfter)
	}
	return a.rank < b.rank
}

// obtain has a certificate issued for a name. What comes of it is in the row, and in the error.
func (k *Keeper) obtain(ctx context.Context, e *entry) error {
	now := k.opts.Clock()
	// That it was tried is known before it is, so that a process that dies each time does not try each time.
	r := e.row
	r.Tried, r.Next = now, now.Add(delay(r.Failed+1))
	k.change(ctx, e, r)
	k.mu.Lock()
	k.mu.begun = append(k.mu.begun, now)
	k.mu.Unlock()
	next, err := k.issue(ctx, e)
	if err != nil {
		if ctx.Err() != nil { // we stop: it was nobody's fault
			r.Next = time.Time{}
			k.change(context.WithoutCancel(ctx), e, r)
			return ctx.Err()
		}
		return k.failure(ctx, e, err)
	}
	cert, err := parse(e.Name.Name, next.Chain, next.Key)
	if err != nil {
		return k.failure(ctx, e, err)
	}
	k.mu.Lock()
	e.cert = cert
	k.mu.Unlock()
	k.change(ctx, e, next)
	k.resume(ctx)
	k.publish()
	k.issued.Inc()
	k.opts.Log.Info("certificate issued", "name", e.Name.Name, "until", cert.Leaf.NotAfter, "issuer", cert.Leaf.Issuer.CommonName, "renewed_at", next.Renew)
	return nil
}

// issue asks the authority, and returns the row that comes of it.
func (k *Keeper) issue(ctx context.Context, e *entry) (row, error) {
	name, none := e.Name.Name, row{}
	ids, err := k.ca.identities(ctx)
	if err != nil {
		return none, err
	}
	if len(ids) > 0 {
		// The authority would look itself, and count it as a failure.
		at, records, err := dns.CAAs(ctx, k.opts.Resolver, name)
		if err != nil {
			return none, err
		}
		if !dns.MayIssue(records, ids...) {
			return none, fmt.Errorf("%w (%s, at %s)", ErrForbidden, ids[0], at)
		}
	}
	var key crypto.Signer
	if k.opts.KeepKeys && len(e.Key) > 0 {
		key, err = parseKey(e.Key)
	} else {
		key, err = newKey()
	}
	if err != nil {
		return none, err
	}
	r := row{Directory: k.opts.Account.Directory}
	if r.Key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return none, err
	}
	var replaces *x509.Certificate
	if e.cert != nil && e.Directory == r.Directory && e.Failed == 0 {
		replaces = e.cert.Leaf
	}
	var when renewal
	if r.Chain, when, err = k.ca.order(ctx, name, key, replaces); err != nil {
		return none, err
	}
	cert, err := parse(name, r.Chain, r.Key)
	if err != nil {
		return none, err
	}
	r.Renew, r.Tried = renewAt(cert.Leaf), e.Tried
	now := k.opts.Clock()
	if !when.at.IsZero() {
		r.adopt(when, cert.Leaf, now)
	}
	if !r.Renew.After(now) { // a clock is wrong: it must not come to an order after the other
		left := cert.Leaf.NotAfter.Sub(now)
		if left < time.Hour {
			return none, fmt.Errorf("%w: it ends at %v; is the clock right?", ErrWrong, cert.Leaf.NotAfter)
		}
		r.Renew = now.Add(left / 2)
	}
	return r, nil
}

// failure notes what went wrong.
func (k *Keeper) failure(ctx context.Context, e *entry, err error) error {
	now := k.opts.Clock()
	f := whyNot(err, e.Name.Name, k.ca.http.retry.Load(), k.opts.Zones != nil)
	r := e.row
	r.Error, r.Advice, r.Directory = clip(f.text), f.advice, k.opts.Account.Directory
	if f.whole {
		k.hold(ctx, now)
	}
	if r.Next = now; !f.unheard { // else the pause is enough: nobody has heard of the name
		r.Failed++
		r.Next = now.Add(delay(r.Failed))
	}
	if f.until.After(r.Next) {
		r.Next = f.until
	}
	if latest := now.Add(longestRetry); r.Next.After(latest) {
		r.Next = latest
	}
	k.change(ctx, e, r)
	k.failed.Inc()
	k.opts.Log.Error("no certificate", "name", e.Name.Name, "error", err, "advice", r.Advice, "again", r.Next)
	return errors.New(r.Error)
}

// hold leaves the authority alone for a while, longer each time.
func (k *Keeper) hold(ctx context.Context, now time.Time) {
	k.mu.Lock()
	p := &k.mu.pause
	*p = pause{Directory: k.opts.Account.Directory, Failed: p.Failed + 1, Until: now.Add(pauseFor(p.Failed + 1))}
	k.mu.Unlock()
	k.keepPause(ctx)
}

// resume ends that: the authority has answered.
func (k *Keeper) resume(ctx context.Context) {
	k.mu.Lock()
	paused := k.mu.pause != pause{}
	k.mu.pause = pause{}
	k.mu.Unlock()
	if paused {
		k.keepPause(ctx)
	}
}

// keepPause stores the pause.
func (k *Keeper) keepPause(ctx context.Context) {
	value, err := json.Marshal(k.mu.pause) // who holds work changes it
	if err == nil {
		err = k.opts.Storage.Put(ctx, pauseName, value)
	}
	if err != nil {
		k.opts.Log.Error("acme", "error", err)
	}
}
