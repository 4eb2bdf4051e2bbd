package main

import "github.com/spf13/cobra"

func keyCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newPutCommand(a), newGetCommand(a), newDelCommand(a), newWatchCommand(a),
		newTxnCommand(a), newCompactCommand(a), newLeaseCommand(a),
	}
}

func recipeCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newLockCommand(a), newMutexCommand(a), newElectCommand(a), newElectionCommand(a),
		newQueueCommand(a), newServiceCommand(a),
	}
}

func clusterCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newNamespaceCommand(a), newImportCommand(a), newSnapshotCommand(a), newMemberCommand(a), newEndpointCommand(a), newMoveLeaderCommand(a),
		newBenchCommand(a), newVersionCommand(a),
	}
}
