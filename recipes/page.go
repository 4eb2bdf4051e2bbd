package recipes

// pageLimit is how many entries a listing returns when the caller does not
// say, and the most that it returns.
const (
	pageDefault = 100
	pageLimit   = 10_000
)

// page counts the entries of one page of a listing.
type page struct{ left int32 }

func newPage(limit int32) *page {
	if limit <= 0 {
		limit = pageDefault
	}
	return &page{left: min(limit, pageLimit)}
}

// take takes room for one entry, and reports false when the page is full.
func (p *page) take() bool {
	p.left--
	return p.left >= 0
}
