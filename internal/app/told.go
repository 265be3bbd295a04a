package app

import (
	"errors"
	"iter"
)

// errEnough ends work whose outcome nobody wants to know any more.
var errEnough = errors.New("stopped")

// told makes of a function that tells one thing after the other what the admin socket sends. When nobody listens any more tell returns errEnough, with which the function ends.
func told[T any](fn func(tell func(T) error) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		err := fn(func(v T) error {
			if !yield(v, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			var none T
			yield(none, err)
		}
	}
}
