//go:build linux

package rig

// Unwell is an error that the nodes caused and not the harness: they do not serve, are
// not whole, or do not answer. It reads as what it is about.
type Unwell struct{ Err error }

// Error is that of the cause.
func (u Unwell) Error() string { return u.Err.Error() }

// Unwrap is the cause.
func (u Unwell) Unwrap() error { return u.Err }

// unwell marks an error, if there is one.
func unwell(err error) error {
	if err == nil {
		return nil
	}
	return Unwell{err}
}
