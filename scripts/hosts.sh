#!/bin/sh
# Tells an elastic job its hosts, a line each: HOST:SLOTS. Horovod runs it every second; machines may come and go.
# The lines are those of the file that HOSTS names (hosts.txt, if none); without a file, two slots on this machine.
file="${HOSTS:-hosts.txt}"
if [ -f "$file" ]; then cat "$file"; else echo localhost:2; fi
