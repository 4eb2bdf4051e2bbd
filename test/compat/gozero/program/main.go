// Command program uses go-zero's service discovery, as a service and its clients do.
//
//	program publish ENDPOINTS KEY VALUE   until its input ends
//	program subscribe ENDPOINTS KEY       prints the values at each change
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/zeromicro/go-zero/core/discov"
	"github.com/zeromicro/go-zero/core/logx"
)

// leaseSeconds is less than go-zero's ten, to see the end of a lease soon.
const leaseSeconds = 3

func main() {
	logx.Disable()
	discov.TimeToLive = leaseSeconds
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 4 && args[0] == "publish":
		return publish(strings.Split(args[1], ","), args[2], args[3])
	case len(args) == 3 && args[0] == "subscribe":
		return subscribe(strings.Split(args[1], ","), args[2])
	}
	return fmt.Errorf("cannot do %q", args)
}

func publish(endpoints []string, key, value string) error {
	publisher := discov.NewPublisher(endpoints, key, value)
	if err := publisher.KeepAlive(); err != nil {
		return err
	}
	defer publisher.Stop()
	fmt.Println("published")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func subscribe(endpoints []string, key string) error {
	subscriber, err := discov.NewSubscriber(endpoints, key)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	show := func() {
		mu.Lock()
		defer mu.Unlock()
		values := subscriber.Values()
		slices.Sort(values)
		fmt.Println(strings.Join(values, " "))
	}
	subscriber.AddListener(show)
	show()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
