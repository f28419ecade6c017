#!/bin/bash
# make bench: one run, the same bytes, CPU seconds (user + system) of whole processes.
cd "$(dirname "$0")/.." || exit 1
mkdir -p build/bench
for t in gen load; do ${CC:-gcc} -O2 -std=gnu11 -o build/bench/$t bench/$t.c || exit 1; done
python3 bench/bench.py "${BENCH_MIB:-1024}" && exec python3 bench/sinks.py 256
