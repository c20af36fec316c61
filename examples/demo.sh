#!/usr/bin/env bash
# The main job, on real documents: three replicas are edited apart and brought together; a clash is shown and resolved.
# Every command is shown before it runs. Counts are checked through --json; a wrong one ends the demo with an error.
# `make demo` sets everything up and runs it. It needs no network, works in a folder of its own, and leaves nothing behind.
set -euo pipefail

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
ln -s "$examples"/*.ndjson.gz .

fail() {
    echo "demo: $1" >&2
    exit 1
}

say() {
    printf '\n# %s\n' "$1"
}

# Shows a command and runs it.
run() {
    printf '$ %s\n' "$1"
    eval "$1" || fail "exit code $? from: $1"
}

# expect COMMAND PATH=VALUE...: what `replicate COMMAND --json` prints holds these values, at paths such as 0.counts.added
expect() {
    local command=$1
    shift
    answer=$(replicate $command --json) || fail "exit code $? from: replicate $command --json"
    python3 -c '
import json, sys

answer, *pairs = sys.argv[1:]
for pair in pairs:
    path, _, wanted = pair.partition("=")
    value = json.loads(answer)
    for key in path.split("."):
        value = len(value) if key == "length" else value[int(key)] if isinstance(value, list) else value[key]
    if value != json.loads(wanted):
        sys.exit(f"{path} is {json.dumps(value)} and not {wanted}")' "$answer" "$@" || fail "a wrong answer from: replicate $command --json"
}

for program in replicate python3; do
    command -v "$program" >/dev/null || fail "$program is not there; \`make demo\` sets it up"
done

say "A database of 400 packages of Debian: the first replica is the hub."
run "replicate create hub.db --title Packages"
run "replicate import hub.db packages.ndjson.gz"
expect "info hub.db" documents=400

say "Two more replicas of it: one for a branch office, one for a laptop."
run "replicate copy hub.db branch.db"
run "replicate copy hub.db laptop.db"

say "They are edited apart. The branch gets newer versions of 60 packages, and 6 packages that nobody had."
run "replicate import branch.db updates.ndjson.gz"

say "The laptop, offline, makes a note and deletes a package."
run "replicate put laptop.db note/1 '{\"Form\": \"Note\", \"Text\": \"ask about 0ad\"}'"
run "replicate delete laptop.db 0ad/amd64"

say "Both replicate with the hub, which is how each gets what the other did."
run "replicate sync branch.db hub.db"
expect "history hub.db" 0.counts.added=6 0.counts.updated=60
run "replicate sync laptop.db hub.db"
expect "history hub.db" 0.counts.added=1 0.counts.deleted=1
run "replicate sync branch.db hub.db"
expect "info branch.db" documents=406 deleted=1

say "A clash: branch and laptop change the same item of the same document, neither knowing of the other."
run "replicate get branch.db sqlite3/amd64 | sed 's/\"optional\"/\"required\"/' | replicate put branch.db"
run "replicate get laptop.db sqlite3/amd64 | sed 's/\"optional\"/\"important\"/' | replicate put laptop.db"

say "And an edit against a deletion: the branch changes a package that the laptop deletes."
run "replicate get branch.db vim/amd64 | sed 's/\"optional\"/\"standard\"/' | replicate put branch.db"
run "replicate delete laptop.db vim/amd64"

say "Through the hub, the two meet on the laptop: the edit survives the deletion, and the clash becomes a conflict document."
run "replicate sync branch.db hub.db"
run "replicate sync laptop.db hub.db"
expect "history hub.db" 0.counts.updated=2 0.counts.conflicts=1 0.counts.resurrected=1
run "replicate get laptop.db vim/amd64"

say "Nothing is lost: the conflict has both values, the winner's first."
run "replicate conflicts laptop.db"
expect "conflicts laptop.db" length=1 '0.leaves.0.differs={"Priority": ["important", "required"]}'

say "The losing one was right. Keeping it writes one revision over both; when that has travelled, the conflict is over everywhere."
losing=$(sed 's/.*"_rev": *"\([^"]*\)".*/\1/' <<<"$answer")
run "replicate resolve laptop.db sqlite3/amd64 --keep $losing"
run "replicate sync laptop.db hub.db"
run "replicate sync branch.db hub.db"
run "replicate conflicts branch.db"
expect "get branch.db sqlite3/amd64" 'Priority="required"'
expect "info branch.db" documents=406 deleted=1 conflicts=0

say "Once more, with nothing changed."
run "replicate sync branch.db hub.db"
run "replicate sync laptop.db hub.db"

say "All three hold the same documents, revision by revision and byte by byte."
run "replicate verify branch.db hub.db"
run "replicate verify laptop.db hub.db"
run "replicate verify laptop.db branch.db"
