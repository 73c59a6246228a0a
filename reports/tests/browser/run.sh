#!/bin/sh
# Checks a report in Chromium: run.sh [report.html] [screenshot directory].
# Without a file it checks the sample page that `cargo test -p tribunal-reports` leaves in target/tmp.
# Installs what it needs: Debian's chromium, and playwright-core and axe-core into target/browser-check.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
report=${1:-$root/target/tmp/report.html}
tools=$root/target/browser-check
shots=${2:-$tools/screenshots}
[ -f "$report" ] || { echo "no report at $report: run cargo test -p tribunal-reports first" >&2; exit 2; }
report=$(cd "$(dirname "$report")" && pwd)/$(basename "$report")
mkdir -p "$shots"
shots=$(cd "$shots" && pwd)

command -v chromium >/dev/null || { apt-get update -q && apt-get install -yq chromium; }
command -v node >/dev/null || apt-get install -yq nodejs npm
mkdir -p "$tools"
cd "$tools"
[ -f package.json ] || echo '{"private": true}' >package.json
[ -d node_modules/playwright-core ] && [ -d node_modules/axe-core ] ||
    npm install --no-audit --no-fund playwright-core@1 axe-core@4
exec node "$here/check.mjs" "$report" "$shots"
