"""Chaos: runs that are killed at random instants, before an AWS that fails at random."""
