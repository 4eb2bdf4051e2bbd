package hostile

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// raftMagic opens a Raft connection (docs/peer-protocol.md).
const raftMagic = "CNCLVR1\n"

// hello is a handshake with a body, sealed as it has to be.
func hello(version, kind byte, body string) string {
	b := binary.BigEndian.AppendUint16([]byte{version, kind}, uint16(len(body)))
	b = append(b, body...)
	return string(binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))))
}

// who is the body of a hello.
func who(cluster uint64, name string) string {
	b := binary.BigEndian.AppendUint64(nil, cluster)
	b = binary.BigEndian.AppendUint64(b, 1)
	b = binary.BigEndian.AppendUint64(b, 1)
	return string(append(binary.BigEndian.AppendUint16(b, uint16(len(name))), name...))
}

// peerScripts are for the peer port, as far as a stranger comes. What a member
// could send is in cluster/transport/hostile_test.go, where there is one.
func peerScripts() []script {
	good := hello(1, 1, who(1, "n1"))
	return []script{
		closes("raft: the magic and nothing", []byte(raftMagic)),
		closes("raft: half the magic", []byte(raftMagic[:4])),
		closes("raft: half a hello", []byte(raftMagic+good[:10])),
		closes("raft: another cluster", []byte(raftMagic+good)),
		closes("raft: the node's own name", []byte(raftMagic+hello(1, 1, who(1, "default")))),
		closes("raft: a later version", []byte(raftMagic+hello(9, 1, who(1, "n1")))),
		closes("raft: an answer first", []byte(raftMagic+hello(1, 2, who(1, "n1")))),
		closes("raft: no name", []byte(raftMagic+hello(1, 1, who(1, "")))),
		closes("raft: a name like a path", []byte(raftMagic+hello(1, 1, who(1, "../../etc/passwd")))),
		closes("raft: a hello of 64 KiB", []byte(raftMagic+"\x01\x01\xff\xff"+strings.Repeat("x", 1<<16))),
		closes("raft: a wrong sum", []byte(raftMagic+good[:len(good)-1]+"!")),
		closes("raft: a name beyond its body", []byte(raftMagic+hello(1, 1, who(1, "n1")[:26]+"zz"))),
		closes("raft: a hello and a frame of 4 GiB", []byte(raftMagic+good+"\x01\xff\xff\xff\xff\x00\x00\x00\x00")),
		closes("raft: a hello and noise", append([]byte(raftMagic+good), many(1<<20, "spam")...)),
		closes("raft: dragonboat's own framing", append([]byte("\xae\x7d\x00\x64\x40\x00\x00\x00\x00\x00\x00\x00"), many(64, "\xff")...)),
		answers("a stranger's call", body("/conclave.peer.v1.PeerService/Status", "application/json", "{}"), `^HTTP/1.1 403 `),
		answers("a call of a cluster that is none", body("/conclave.peer.v1.PeerService/Status", "application/json", "{}", "Conclave-Cluster: "+strings.Repeat("f", 1000)), `^HTTP/1.1 403 `),
		answers("who are you, badly asked", body("/conclave.peer.v1.PeerService/Identify", "application/proto", "\x0b\x0b\xff"), refused),
		answers("a body beyond the limit", body("/conclave.peer.v1.PeerService/Identify", "application/proto", bomb(256<<20), "Content-Encoding: gzip"), refused),
	}
}

// pipelineScripts take a connection over as the SDK does (docs/api.md).
func pipelineScripts() []script {
	upgrade := head("GET /conclave.v1.PipelineService/Pipeline", "Connection: Upgrade", "Upgrade: conclave-pipeline")
	message := func(data string) string { return "\x00" + word(uint32(len(data))) + data }
	return []script{
		closes("pipeline: a message of 2^32-1", []byte(upgrade+"\x00\xff\xff\xff\xff")),
		closes("pipeline: unknown flags", []byte(upgrade+"\x01\x00\x00\x00\x00")),
		closes("pipeline: no message", []byte(upgrade+message("\xff\xff\xff"))),
		closes("pipeline: groups in groups", []byte(upgrade+message(strings.Repeat("\x0b", 100_000)))),
		answers("pipeline: unknown procedures", upgrade+message(strings.Repeat("\x0a\x05\x08\x01\x10\xff\x7f", 1000)), `^HTTP/1.1 101 `),
		answers("pipeline: calls that are none", upgrade+message(strings.Repeat("\x0a\x08\x08\x01\x10\x01\x1a\x02\xff\xff", 1000)), `^HTTP/1.1 101 `),
		answers("pipeline: empty messages", upgrade+string(many(flood, message(""))), `^HTTP/1.1 101 `),
		answers("pipeline: not by HTTP/1.0", strings.Replace(upgrade, "HTTP/1.1", "HTTP/1.0", 1), refused),
		answers("pipeline: by POST", strings.Replace(upgrade, "GET", "POST", 1), refused),
	}
}
