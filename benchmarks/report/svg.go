package report

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Chart is a plot of lines on two logarithmic axes.
type Chart struct {
	Title, X, Y string
	Lines       []Line2D
}

// Line2D is one line. Lines of the same name share an entry in the legend.
type Line2D struct {
	Name, Color string
	Dashed      bool
	Points      []Point
}

// Point is a place on a plot; both are more than 0.
type Point struct{ X, Y float64 }

// Bars is a plot of bars on one logarithmic axis that begins at 1, to both sides.
type Bars struct {
	Title string
	Rows  []Bar
}

// Bar is a value with its spread and what it should be.
type Bar struct {
	Name                   string
	Value, Low, High, Goal float64
	Met                    bool
}

const (
	ink  = "#222222"
	grid = "#dddddd"
	font = `font-family="system-ui, sans-serif" font-size="12"`
)

// canvas writes SVG elements. It keeps to what every browser and forge shows.
type canvas struct{ strings.Builder }

func newCanvas(width, height float64, title string) *canvas {
	c := &canvas{}
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" viewBox="0 0 %g %g" role="img" %s>`+"\n", width, height, width, height, font)
	fmt.Fprintf(c, "<title>%s</title>\n", html.EscapeString(title))
	fmt.Fprintf(c, `<rect width="%g" height="%g" fill="#ffffff"/>`+"\n", width, height)
	c.text(width/2, 22, "middle", title)
	return c
}

func (c *canvas) text(x, y float64, anchor, text string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, anchor, ink, html.EscapeString(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, color string, width float64) {
	fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"/>`+"\n", x1, y1, x2, y2, color, width)
}

func (c *canvas) end() string {
	c.WriteString("</svg>\n")
	return c.String()
}

// axis maps values to places.
type axis struct {
	marks    []float64
	from, to float64 // of the place
}

func newAxis(values []float64, from, to float64) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v > 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	a := axis{marks: ticks(low, high), from: from, to: to}
	if len(a.marks) == 1 {
		a.marks = append(a.marks, a.marks[0]*10)
	}
	return a
}

func (a axis) at(v float64) float64 {
	low, high := math.Log(a.marks[0]), math.Log(a.marks[len(a.marks)-1])
	return a.from + (math.Log(v)-low)/(high-low)*(a.to-a.from)
}

// SVG draws the chart.
func (chart Chart) SVG() string {
	const width, height, left, right, top, bottom = 560, 352, 64, 100, 52, 48
	var xs, ys []float64
	for _, l := range chart.Lines {
		for _, p := range l.Points {
			xs, ys = append(xs, p.X), append(ys, p.Y)
		}
	}
	x := newAxis(xs, left, width-right)
	y := newAxis(ys, height-bottom, top)
	c := newCanvas(width, height, chart.Title)
	for _, mark := range x.marks {
		c.line(x.at(mark), top, x.at(mark), height-bottom, grid, 1)
		c.text(x.at(mark), height-bottom+16, "middle", tickLabel(mark))
	}
	for _, mark := range y.marks {
		c.line(left, y.at(mark), width-right, y.at(mark), grid, 1)
		c.text(left-6, y.at(mark)+4, "end", tickLabel(mark))
	}
	c.text((left+width-right)/2, height-12, "middle", chart.X)
	c.text(left-6, top-16, "end", chart.Y)
	for _, l := range chart.Lines {
		c.polyline(l, x, y)
	}
	c.legend(chart.Lines, width-right+14, top+8)
	return c.end()
}

// legend names the lines, each name once.
func (c *canvas) legend(lines []Line2D, x, y float64) {
	seen := make(map[string]bool)
	for _, l := range lines {
		if seen[l.Name] {
			continue
		}
		seen[l.Name] = true
		c.line(x, y-4, x+14, y-4, l.Color, 3)
		c.text(x+20, y, "start", l.Name)
		y += 18
	}
}

// polyline draws a line with its points.
func (c *canvas) polyline(l Line2D, x, y axis) {
	var path []string
	for _, p := range l.Points {
		if p.X > 0 && p.Y > 0 {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x.at(p.X), y.at(p.Y)))
		}
	}
	if len(path) == 0 {
		return
	}
	dash := ""
	if l.Dashed {
		dash = ` stroke-dasharray="5 4"`
	}
	fmt.Fprintf(c, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", strings.Join(path, " "), l.Color, dash)
	for _, at := range path {
		cx, cy, _ := strings.Cut(at, ",")
		fmt.Fprintf(c, `<circle cx="%s" cy="%s" r="3" fill="%s"/>`+"\n", cx, cy, l.Color)
	}
}

// SVG draws the bars.
func (bars Bars) SVG() string {
	const width, left, right, top, row = 760, 220, 60, 44, 24
	height := float64(top + row*len(bars.Rows) + 36)
	values := []float64{1}
	for _, b := range bars.Rows {
		values = append(values, b.Value, b.Low, b.High, b.Goal)
	}
	x := newAxis(values, left, width-right)
	c := newCanvas(width, height, bars.Title)
	for _, mark := range x.marks {
		c.line(x.at(mark), top-8, x.at(mark), height-28, grid, 1)
		c.text(x.at(mark), height-12, "middle", tickLabel(mark)+"×")
	}
	for i, b := range bars.Rows {
		c.bar(b, x, top+float64(i)*row, left)
	}
	c.line(x.at(1), top-8, x.at(1), height-28, ink, 1)
	return c.end()
}

func (c *canvas) bar(b Bar, x axis, y, left float64) {
	color := colors[theirs]
	if b.Met {
		color = colors[ours]
	}
	from, to := min(x.at(1), x.at(b.Value)), max(x.at(1), x.at(b.Value))
	c.text(left-8, y+13, "end", b.Name)
	fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="%.1f" height="14" fill="%s" fill-opacity="0.75"/>`+"\n", from, y+2, max(to-from, 1), color)
	if b.Low > 0 && b.High > 0 {
		c.line(x.at(b.Low), y+9, x.at(b.High), y+9, ink, 1.5)
	}
	c.line(x.at(b.Goal), y, x.at(b.Goal), y+18, ink, 2.5)
}
