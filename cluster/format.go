package cluster

import logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"

// knownToAll refuses a command that some node's program does not know: applying
// it would stop that node (promise S4). It ends with the last node's upgrade.
func (c *Cluster) knownToAll(cmd *logv1.Command) error {
	needs := c.formatOf(cmd)
	if needs <= 1 {
		return nil
	}
	if name, format := c.directory.oldest(); format < needs {
		return refused(logv1.Reason_REASON_UNKNOWN_COMMAND,
			"node %q runs a program that does not know this request yet; finish upgrading the nodes", name)
	}
	return nil
}

// oldest is the node whose program knows the oldest format. A node that is not
// on record may run any program.
func (d *directory) oldest() (name string, format uint32) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, n := range d.namesLocked() {
		if known := max(1, d.mu.nodes[n].GetFormat()); format == 0 || known < format {
			name, format = n, known
		}
	}
	return name, format
}
