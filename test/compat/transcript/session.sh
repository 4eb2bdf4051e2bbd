# What a transcript may use beside programs. Nothing here waits for a time to
# pass: everything waits for something to be so, and gives up after a while.

# eventually COMMAND...: repeats a command until it succeeds.
eventually() {
  local end=$((SECONDS + 20))
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$end" ]; then
      echo "not so after 20 s: $*"
      return 1
    fi
    sleep 0.02
  done
}

declare -A running
trap 'kill -KILL $(jobs -p) 2>/dev/null' EXIT

# background NAME COMMAND...: starts a command beside the others.
background() {
  local name=$1
  shift
  : >"$name.out"
  "$@" >"$name.out" 2>&1 </dev/null &
  running[$name]=$!
}

# shown NAME TEXT: waits until a command in the background has printed a text.
shown() {
  eventually grep -qF -- "$2" "$1.out" || cat "$1.out"
}

# ended NAME: waits for the end of a command in the background, shows what it
# printed and passes its exit code on.
ended() {
  local code=0
  wait "${running[$1]}" || code=$?
  cat "$1.out"
  return "$code"
}

# interrupt NAME: does what Ctrl-C does, and then as ended. It is for programs that
# listen for that: bash has those in the background ignore it otherwise.
interrupt() {
  kill -INT "${running[$1]}"
  ended "$1"
}

# crash NAME: kills a command in the background.
crash() {
  kill -KILL "${running[$1]}"
  wait "${running[$1]}" 2>/dev/null || true
}

# stop NAME: ends a command in the background and shows what it had printed.
stop() {
  kill "${running[$1]}"
  wait "${running[$1]}" 2>/dev/null
  cat "$1.out"
}
