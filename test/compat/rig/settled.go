package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// versions is what a node of etcd says at /version.
type versions struct {
	Cluster string `json:"etcdcluster"`
	Storage string `json:"storage"`
}

// waitSettled waits until a node of etcd has brought its storage to the version of
// its cluster. It serves before: then it tells a storage version of 3.5.0, and its
// snapshots name no version. When it misses the moment at which the cluster's
// version is decided, it looks again five seconds later.
func (n *Node) waitSettled() {
	n.t.Helper()
	if n.program != Etcd {
		return
	}
	Eventually(n.t, func(ctx context.Context) error {
		v, err := n.versions(ctx)
		if err != nil {
			return err
		}
		if v.Storage == "" || v.Storage != v.Cluster {
			return fmt.Errorf("etcd's storage is of version %s, its cluster of %s", v.Storage, v.Cluster)
		}
		return nil
	})
}

func (n *Node) versions(ctx context.Context) (v versions, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Endpoint+"/version", nil)
	if err != nil {
		return versions{}, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return versions{}, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		return versions{}, fmt.Errorf("/version: %s", answer.Status)
	}
	err = json.NewDecoder(answer.Body).Decode(&v)
	return v, err
}
