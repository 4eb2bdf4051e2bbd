package workload

import "testing"

// Of two holders that overlap, one loses its update where tokens are not compared,
// and the late one is refused where they are.
func TestOutside(t *testing.T) {
	for _, fenced := range []bool{false, true} {
		o := &outside{fenced: fenced}
		early, _ := o.read(5)
		late, ok := o.read(6)
		if !ok {
			t.Fatal("the newer token was refused")
		}
		if taken, lost := o.write(6, late); !taken || lost {
			t.Errorf("fenced %v: the newer holder: taken %v, lost %v", fenced, taken, lost)
		}
		taken, lost := o.write(5, early)
		if taken == fenced || lost == fenced {
			t.Errorf("fenced %v: the older holder: taken %v, lost %v", fenced, taken, lost)
		}
		if _, ok := o.read(5); ok == fenced {
			t.Errorf("fenced %v: the older holder reads: %v", fenced, ok)
		}
	}
}

// A write of the older holder between the read and the write of the newer one is
// refused, too: the read was enough to make it too late.
func TestOutsideReadFences(t *testing.T) {
	o := &outside{fenced: true}
	early, _ := o.read(5)
	late, _ := o.read(6)
	if taken, _ := o.write(5, early); taken {
		t.Error("the older holder wrote after the newer one had read")
	}
	if taken, lost := o.write(6, late); !taken || lost {
		t.Errorf("the newer holder: taken %v, lost %v", taken, lost)
	}
}
