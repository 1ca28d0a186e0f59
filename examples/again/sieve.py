"""How many primes there are below a number: sieve.py NUMBER. It takes a byte and a half of memory for each number."""

import sys
from math import isqrt

number = int(sys.argv[1])
is_prime = bytearray(b"\1") * number
is_prime[:2] = b"\0\0"
for step in range(2, isqrt(number) + 1):
    if is_prime[step]:
        is_prime[step * step :: step] = bytes(len(range(step * step, number, step)))
print(f"{is_prime.count(1)} primes below {number}")
