package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

// spanFlags choose many keys: --prefix, --from-key, --range-end or a second
// argument.
type spanFlags struct {
	prefix   bool
	fromKey  bool
	rangeEnd string
}

func (f *spanFlags) define(cmd *cobra.Command) {
	set := cmd.Flags()
	set.BoolVar(&f.prefix, "prefix", false, "all keys that start with KEY; an empty KEY means all")
	set.BoolVar(&f.fromKey, "from-key", false, "all keys from KEY on")
	set.StringVar(&f.rangeEnd, "range-end", "", "all keys from KEY up to, not including, this one")
}

// options reads the flags and the arguments KEY [RANGE-END].
func (f *spanFlags) options(args []string) (key string, options []conclave.SpanOption, err error) {
	key, end := args[0], f.rangeEnd
	if len(args) > 1 {
		if end != "" {
			return "", nil, misused("--range-end: give the end of the range once, as argument or as flag")
		}
		end = args[1]
	}
	if f.prefix {
		options = append(options, conclave.WithPrefix())
	}
	if f.fromKey {
		options = append(options, conclave.WithFromKey())
	}
	if end != "" {
		options = append(options, conclave.WithEnd(end))
	}
	if end != "" && end <= key {
		return "", nil, misused("RANGE-END %q does not come after KEY %q, so there is nothing between them", end, key)
	}
	if len(options) > 1 {
		return "", nil, misused("give only one of --prefix, --from-key and a range end")
	}
	if len(options) == 0 && key == "" {
		return "", nil, misused("KEY is empty: give one, or --prefix for all keys")
	}
	return key, options, nil
}

// kvJSON is one version of a key.
type kvJSON struct {
	Key      text              `json:"key"`
	Value    text              `json:"value"`
	Created  conclave.Revision `json:"create_revision"`
	Modified conclave.Revision `json:"mod_revision"`
	Version  int64             `json:"version"`
	Lease    conclave.LeaseID  `json:"lease_id,omitempty"`
}

func kvView(kv conclave.KV) kvJSON {
	return kvJSON{text(kv.Key), text(kv.Value), kv.Created, kv.Modified, kv.Version, kv.Lease}
}

func kvViews(kvs []conclave.KV) []kvJSON {
	views := make([]kvJSON, 0, len(kvs))
	for _, kv := range kvs {
		views = append(views, kvView(kv))
	}
	return views
}

var kvHead = []string{"KEY", "VALUE", "VERSION", "CREATED", "MODIFIED", "LEASE"}

func kvRow(kv conclave.KV) []string {
	lease := ""
	if kv.Lease != 0 {
		lease = kv.Lease.String()
	}
	return []string{kv.Key, string(kv.Value), fmt.Sprint(kv.Version), kv.Created.String(), kv.Modified.String(), lease}
}

func kvRows(kvs []conclave.KV) [][]string {
	var rows [][]string
	for _, kv := range kvs {
		rows = append(rows, kvRow(kv))
	}
	return rows
}

// printKVs writes keys and values on lines of their own, as they are.
func printKVs(w io.Writer, kvs []conclave.KV) {
	for _, kv := range kvs {
		fmt.Fprintf(w, "%s\n%s\n", kv.Key, kv.Value)
	}
}
