package acme

import (
	"crypto/x509"
	"math/rand/v2"
	"time"
)

const (
	// lookEvery is how often the names are looked at.
	lookEvery = time.Hour
	// ordersPerHour is less than what Let's Encrypt lets an account have, 300 in 3 hours.
	ordersPerHour = 90
	// warnAhead is how long before its end a certificate is worth a warning at most; one that lives shorter, later.
	warnAhead = 20 * 24 * time.Hour
	// warnEvery is how often one is said again.
	warnEvery = 7 * 24 * time.Hour
	// forgetAfter is how long a certificate stays that nobody wants, from its end.
	forgetAfter = 30 * 24 * time.Hour
)

// lifetime is how long a certificate is good for in all.
func lifetime(c *x509.Certificate) time.Duration { return c.NotAfter.Sub(c.NotBefore) }

// renewAt is when a certificate is renewed if its authority does not say: when a third of its time is left, half of it where that is ten days or less.
func renewAt(c *x509.Certificate) time.Time {
	left := lifetime(c) / 3
	if lifetime(c) <= 10*24*time.Hour {
		left = lifetime(c) / 2
	}
	return c.NotAfter.Add(-left)
}

// EndsSoon says that a certificate should have been renewed long ago. Of 90 days it does so 20 before the end, of shorter lives in the same proportion.
func EndsSoon(c *x509.Certificate, now time.Time) bool {
	return c.NotAfter.Sub(now) < min(warnAhead, lifetime(c)*2/9)
}

// delay is how long to wait after so many failures: Let's Encrypt lets a name fail five times an hour, and each attempt may try two ways.
func delay(failed int) time.Duration {
	steps := []time.Duration{15 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour}
	d := 12 * time.Hour
	if failed <= len(steps) {
		d = steps[max(failed, 1)-1]
	}
	return d + rand.N(d/10)
}

// pauseFor is how long an authority is left alone that could not be reached so often, or does not want to hear of us.
func pauseFor(failed int) time.Duration {
	d := min(time.Minute<<min(max(failed, 1)-1, 7), time.Hour)
	return d + rand.N(d/10)
}

// adopt takes what the authority says of the time. Its window is asked for again as it says, once an hour at most and once a day at least.
func (r *row) adopt(w renewal, cert *x509.Certificate, now time.Time) {
	if window := [2]time.Time{w.from.UTC(), w.to.UTC()}; window != r.Window {
		r.Window = window
		r.Renew = w.at // chosen once: another choice each time would be an early one in the end
	}
	if latest := renewAt(cert); !r.Renew.Before(cert.NotAfter) {
		r.Renew = latest // a window after the end makes no sense
	}
	r.Ask = w.again
	if r.Ask.Before(now.Add(time.Hour)) {
		r.Ask = now.Add(time.Hour)
	}
	if day := now.Add(24 * time.Hour); r.Ask.After(day) {
		r.Ask = day
	}
}
