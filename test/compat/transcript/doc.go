// Package transcript runs shell sessions that are written down, prompts, answers
// and all, and compares what comes back with what is written.
//
// A file is prose. A line that begins with two spaces and a dollar sign is a
// command, typed into one bash that lives as long as the file; one that begins
// with two spaces and ">" goes on with the command above. The indented lines that
// follow are what it prints, error output included, and "[1]" is its exit code
// when that is not 0:
//
//	Nothing is there yet.
//
//	  $ etcdctl get hello
//	  $ etcdctl put hello world
//	  OK
//	  $ etcdctl get --rev=9 hello 2>&1 | tail -n 1
//	  Error: etcdserver: mvcc: required revision is a future revision
//
// What differs from run to run is replaced before it is compared, see Scrub. A
// command that goes on beside the others is started with `background` and read
// with the functions of session.sh, which wait for what is to come.
//
// The answers in the files are etcd's: `go test -rewrite` writes what etcd says
// into them, and Conclave has to say the same.
package transcript
