#!/bin/sh
# Draws the year of one weather station: analyse.sh STATION.csv [SECONDS]
# Reads the station's daily temperatures and, from stations.csv, where it stands. The chart goes to stdout, a line
# for each day that has no usable value to stderr. SECONDS makes it take longer, as a real analysis would.
set -eu

input=$1
station=${input##*/}
station=${station%.csv}

sleep "${2:-0}"
awk -F, -v station="$station" '
    FILENAME == "stations.csv" {
        if ($1 == station) where = $3 ", " $2 " m above the sea"
        next
    }
    FNR == 1 { next }
    $2 == "" || $2 == "-99.9" {
        printf "%s: no value on %s\n", station, $1 > "/dev/stderr"
        bad++
        next
    }
    {
        month = substr($1, 6, 2) + 0
        sum[month] += $2; days[month]++
        total += $2; n++
        if (n == 1 || $2 < low) { low = $2; cold = $1 }
        if (n == 1 || $2 > high) { high = $2; hot = $1 }
    }
    END {
        if (n == 0) { print station ": no values at all" > "/dev/stderr"; exit 1 }
        split("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", name, " ")
        printf "%s: %s\n\n", station, where
        for (month = 1; month <= 12; month++) {
            if (!days[month]) continue
            mean = sum[month] / days[month]
            bar = ""
            for (i = -15; i < mean; i++) bar = bar "#"  # so that winters on a summit have a bar, too
            printf "%s %6.1f C  %s\n", name[month], mean, bar
        }
        printf "\n%d days, %d without a value. Mean %.1f C, coldest %.1f C (%s), warmest %.1f C (%s)\n", \
            n + bad, bad, total / n, low, cold, high, hot
    }
' stations.csv "$input"
