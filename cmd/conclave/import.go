package main

import "github.com/spf13/cobra"

const importHelp = `Move the keys of another store into a namespace, as they are: with their
revisions, versions and leases, so that clients go on from the revisions that they
know.`

func newImportCommand(a *app) *cobra.Command {
	return newGroup("import", "Move the keys of another store into a namespace", importHelp, newImportEtcdCommand(a))
}
