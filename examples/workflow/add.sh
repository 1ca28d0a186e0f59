#!/bin/sh
# Adds up lines "count letter" of several files on stdin.
awk '{ sum[$2] += $1 } END { for (letter in sum) print sum[letter], letter }' | sort -k 2
