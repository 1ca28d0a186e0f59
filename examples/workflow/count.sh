#!/bin/sh
# How often each first letter occurs among the words of a file, one a line: count.sh FILE, to counts.txt.
set -eu
cut -c 1 "$1" | sort | uniq -c > counts.txt
