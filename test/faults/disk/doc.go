// Package disk gives each node of a fault run a disk of its own that can lose
// power, run full, become slow, or fail for one process.
//
// # What it is
//
// A disk is an ext4 file system (with its journal) on a loop device on an image
// file, mounted at Path. It takes root, loop devices and mkfs.ext4; Supported says
// what is missing. The data directory of a node is a directory below Path, because
// the file system's root also has lost+found and the ballast of Fill.
//
//	node ─ page cache ─ ext4 ─ journal ─ loop device (direct I/O) ─ image file
//	       └──────────── lost ─────────┘  └──────────── kept ─────────────────┘
//
// # Power loss
//
// PowerLoss is EXT4_IOC_SHUTDOWN with the flag that flushes no log. From that
// moment the file system sends nothing more to the device, and each write and
// fsync fails with EIO. The processes that use it are frozen before (Freeze), because
// ext4 (Linux 6.18) tells of some syncs in flight that they succeeded, although they did
// not get to the device: of 120 shutdowns under a program that writes into a growing
// file, 12 "lost" what fdatasync had acknowledged. Without power no program runs, and
// none can pass such an answer on. The caller then kills the processes, and Remount
// unmounts the file system, which drops all that was cached of it, and mounts it again
// on a new loop device, which recovers the journal.
//
// What it models: everything that the kernel held in memory is gone. That is data
// that was written and not synced, names that were made, renamed or removed without
// a sync of their directory, and sizes. The image holds exactly what ext4 had sent
// to the device, since the loop device does direct I/O: nothing lingers in the page
// cache of the image file, where it would outlive the power loss by accident. Make
// and Remount fail when the device does not do direct I/O.
//
// The mount options leave nothing to luck that a program has no right to count on:
// the journal commits by itself only every five minutes (commit=300; by default
// each 5 s, which would save names and sizes that nobody synced), and a rename over
// a file does not flush the new one (noauto_da_alloc). The kernel still writes back
// dirty pages older than 30 s, as it may.
//
// What it does not model:
//   - a drive that loses or reorders what it has accepted but not flushed, or that
//     lies about a flush. What was sent to the device survives, flushed or not. So
//     a program that skips only the flush (writes with O_DIRECT and never syncs)
//     passes here and fails on a real drive with a volatile cache.
//   - a sector that is half written. Package damage has Torn for that.
//   - the loss of what the machine had already handed to the network: it may still
//     arrive.
//
// # Errors and delays of one process
//
// Inject attaches strace to a process and has one kind of system call fail, take
// long, or succeed without being done; see Injection for which files it hits. The
// last one, on fsync and fdatasync, is the control of power loss: with it, what was
// acknowledged has to get lost.
//
// # What is left behind
//
// Close removes all. A process that was killed cannot close, so everything is made
// to vanish by itself: the loop device is configured with autoclear in the same call
// that binds it, so that the kernel frees it with its last user, which is the mount;
// the mount goes with the mount namespace of the harness, or by the next Make in the
// same directory, or by Sweep; strace gets a signal when the thread that started it
// ends, and the kernel detaches it. A limit that Throttle set stays on the number of
// the loop device; the next Make that gets this number lifts it.
//
// A mount namespace that was made after the mount has a copy of it (`ip netns exec`
// makes one). Remount waits until the file system has no user left in any namespace,
// and fails if that does not happen, because a second mount of the same image would
// damage it and the first one would keep what was to be lost.
package disk
