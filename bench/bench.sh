#!/bin/bash
# make bench: one run, the same bytes, CPU seconds (user + system) of whole processes.
cd "$(dirname "$0")/.." || exit 1
mkdir -p build/bench
${CC:-gcc} -O2 -o build/bench/gen bench/gen.c || exit 1
exec python3 bench/bench.py "${BENCH_MIB:-1024}"
