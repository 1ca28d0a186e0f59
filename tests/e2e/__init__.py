"""End-to-end tests: the real command in a process of its own."""
