#!/usr/bin/env bash
# Does what docs/new-router.md says in this clone, with its target folder, and takes it back.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "$(git status --porcelain crates mine.toml)" ]; then
  echo "docs/new-router.test.sh: crates/ or mine.toml has changes of your own; commit or stash them first" >&2
  exit 2
fi
take_back() {
  git checkout -q -- crates
  rm -f crates/routers/src/popular.rs mine.toml
}
trap take_back EXIT

python3 docs/follow.py docs/new-router.md
