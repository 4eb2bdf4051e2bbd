//go:build linux

package rig

import (
	"syscall"
	"time"
)

// Kill ends the process with SIGKILL and waits for its end, for at most a minute:
// one that waits for a disk cannot end before it has.
func (n *Node) Kill() {
	l := n.signal(syscall.SIGKILL, func(l *life) {
		if l.asked == 0 { // else it may still end politely
			l.asked = syscall.SIGKILL
		}
	})
	if l == nil {
		return
	}
	bound := time.NewTimer(patience)
	defer bound.Stop()
	select {
	case <-l.exited:
	case <-bound.C:
		n.cluster.note("%s has not ended %v after it was killed", n.name, patience)
	}
}

// Terminate asks the process to end, as a service manager does with SIGTERM, and
// does not wait: Exited tells.
func (n *Node) Terminate() {
	n.signal(syscall.SIGTERM, func(l *life) { l.asked = syscall.SIGTERM })
}

// Pause stops the process with SIGSTOP. Its connections stay, and the kernel goes on
// to acknowledge what is sent to it.
func (n *Node) Pause() { n.signal(syscall.SIGSTOP, func(l *life) { l.paused = true }) }

// Resume lets a paused process go on.
func (n *Node) Resume() { n.signal(syscall.SIGCONT, func(l *life) { l.paused = false }) }

// signal notes that a signal is sent to the process, and sends it, if there is a
// process. It returns its life.
func (n *Node) signal(signal syscall.Signal, then func(*life)) *life {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life == nil || n.life.over() {
		return nil
	}
	then(n.life)
	_ = n.life.cmd.Process.Signal(signal) // it may just have ended
	n.cluster.note("%s gets %v", n.name, signal)
	return n.life
}

// isPaused is whether the process is stopped by Pause.
func (n *Node) isPaused() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.life != nil && n.life.paused
}
