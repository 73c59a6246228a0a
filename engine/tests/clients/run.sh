#!/usr/bin/env bash
# Real Kafka clients against a served cluster of three brokers.
#
#     engine/tests/clients/run.sh [TRIBUNAL [SCRIPT...]]
#
# TRIBUNAL is the binary (default: target/release/tribunal, built if it is not there); SCRIPT is one or more of kcat,
# confluent, kafka_python, groups, startup, restart, kill9, kill9-ten, kill9-combined (default: all but the last two). Clients
# are installed from their packages into target/clients, once. Everything runs on loopback, on ports the system chose,
# and is bounded in time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
tribunal=${1:-target/release/tribunal}
shift || true
scripts=("$@")
[ ${#scripts[@]} -gt 0 ] || scripts=(startup restart kcat confluent kafka_python groups kill9)
cache=$PWD/target/clients
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill -TERM "$server" 2>/dev/null && wait "$server"; } || true; rm -rf "$work"' EXIT

[ -x "$tribunal" ] || { [ "$tribunal" = target/release/tribunal ] && cargo build --release --locked -p tribunal-sim; }

# The versions the scripts were written for.
kcat_version=1.7.1
confluent_version=2.16.1
kafka_python_version=3.0.12

# python_client NAME REQUIREMENT...: packages in a folder of their own, made whole or not at all.
python_client() {
    local folder=$cache/$1
    shift
    if [ ! -d "$folder" ]; then
        mkdir -p "$cache"
        local aside
        aside=$(mktemp -d "$cache/installing.XXXXXX")
        timeout 300 python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
            --target "$aside" "$@" || {
            rm -rf "$aside"
            echo "cannot install $* with pip: is python3 with pip here, and its package index reachable?" >&2
            exit 1
        }
        mv "$aside" "$folder"
    fi
    echo "$folder"
}

# Debian's kcat with its libraries, unpacked beside the project rather than installed. Elsewhere: the kcat of the PATH.
kcat_client() {
    local folder=$cache/kcat-$kcat_version
    if [ ! -d "$folder" ] && command -v dpkg >/dev/null; then
        mkdir -p "$cache"
        local aside
        aside=$(mktemp -d "$cache/installing.XXXXXX")
        (
            cd "$aside"
            packages="kcat librdkafka1 libyajl2"
            timeout 300 apt-get download -qq $packages >/dev/null 2>&1 ||
                { timeout 300 apt-get update -qq && timeout 300 apt-get download -qq $packages >/dev/null; }
            for package in *.deb; do dpkg -x "$package" .; done
        ) || rm -rf "$aside"
        [ ! -d "$aside" ] || mv "$aside" "$folder"
    fi
    if [ -d "$folder" ]; then
        local libraries
        libraries=$(dirname "$(find "$folder" -name 'librdkafka.so.1' | head -1)")
        printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/usr/bin/kcat "$@"\n' "$libraries" "$folder" >"$work/kcat"
        chmod +x "$work/kcat"
        echo "$work/kcat"
    elif command -v kcat >/dev/null; then
        command -v kcat
    else
        echo "cannot find kcat: neither Debian's package nor one in the PATH" >&2
        exit 1
    fi
}

# Starts a cluster if none runs, and sets bootstrap.
bootstrap=
need_cluster() {
    [ -z "$server" ] || return 0
    "$tribunal" serve --brokers 3 --port 0 --judge --log-level warn >"$work/out" 2>"$work/err" &
    server=$!
    for _ in $(seq 300); do
        bootstrap=$(sed -n 's/^ready: bootstrap.servers=//p' "$work/out")
        [ -z "$bootstrap" ] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    echo "no ready line:" >&2
    cat "$work/out" "$work/err" >&2
    exit 1
}

failed=()
step() {
    printf '\n== client: %s\n' "$1"
    "${@:2}" || failed+=("$1")
}

for script in "${scripts[@]}"; do
    case $script in
        startup) step startup timeout 120 python3 "$here/startup.py" "$tribunal" ;;
        kcat)
            kcat=$(kcat_client)
            need_cluster
            step kcat timeout 240 python3 "$here/kcat.py" "$kcat" "$bootstrap"
            ;;
        confluent)
            folder=$(python_client "confluent-kafka-$confluent_version" "confluent-kafka==$confluent_version")
            need_cluster
            step confluent-kafka env PYTHONPATH="$folder" timeout 240 python3 "$here/confluent.py" "$bootstrap"
            ;;
        kafka_python)
            folder=$(python_client "kafka-python-$kafka_python_version" "kafka-python==$kafka_python_version" \
                lz4 zstandard python-snappy)
            need_cluster
            step kafka-python env PYTHONPATH="$folder" timeout 240 python3 "$here/kafka_python.py" "$bootstrap"
            ;;
        groups)
            confluent=$(python_client "confluent-kafka-$confluent_version" "confluent-kafka==$confluent_version")
            folder=$(python_client "kafka-python-$kafka_python_version" "kafka-python==$kafka_python_version" \
                lz4 zstandard python-snappy)
            need_cluster
            step groups env PYTHONPATH="$confluent:$folder" timeout 240 python3 "$here/groups.py" "$bootstrap"
            kcat=$(kcat_client)
            step "groups of three" env PYTHONPATH="$confluent:$folder" timeout 500 python3 "$here/consumer_groups.py" \
                "$tribunal" "$kcat"
            ;;
        restart)
            folder=$(python_client "confluent-kafka-$confluent_version" "confluent-kafka==$confluent_version")
            step restart env PYTHONPATH="$folder" timeout 120 python3 "$here/restart.py" "$tribunal"
            ;;
        kill9 | kill9-ten | kill9-combined)
            rounds=10
            [ "$script" != kill9 ] || rounds=2
            combined=
            [ "$script" != kill9-combined ] || combined=--combined
            folder=$(python_client "confluent-kafka-$confluent_version" "confluent-kafka==$confluent_version")
            step kill9 env PYTHONPATH="$folder" timeout 1200 python3 "$here/kill9.py" "$tribunal" --rounds $rounds $combined
            ;;
        *)
            echo "no such client: $script" >&2
            exit 2
            ;;
    esac
done

if [ -n "$server" ]; then
    kill -TERM "$server"
    wait "$server" && code=0 || code=$?
    server=
    [ "$code" -eq 0 ] || failed+=("the cluster's end: exit code $code")
    if [ -s "$work/err" ]; then
        echo "the cluster said:"
        tail -20 "$work/err"
    fi
fi
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[@]}" >&2
    exit 1
fi
