package budget

import "testing"

// Both bounds hold, what is refused does not count, and one alone fits.
func TestBudget(t *testing.T) {
	b := New(3, 100)
	take := func(count, bytes int, want bool) {
		t.Helper()
		if got := b.Take(count, bytes); got != want {
			t.Errorf("taking %d with %d bytes: %v", count, bytes, got)
		}
	}
	take(5, 1000, true) // whoever is alone
	take(1, 0, false)
	b.Give(5, 1000)
	take(1, 60, true)
	take(1, 60, false) // too many bytes
	take(3, 0, false)  // too many
	take(1, 40, true)
	if b.Fits(1) {
		t.Error("100 bytes of 100 leave room")
	}
	b.Give(1, 40)
	if !b.Fits(40) || b.Fits(41) {
		t.Error("with 60 bytes of 100 there is room for 40")
	}
	b.Force(4, 10)
	if open, bytes := b.Used(); open != 5 || bytes != 70 || b.Fits(0) {
		t.Errorf("%d with %d bytes", open, bytes)
	}
	b.Give(5, 70)
	if open, bytes := b.Used(); open != 0 || bytes != 0 {
		t.Errorf("%d with %d bytes are left", open, bytes)
	}
}
