"""SteerBench: a benchmark for steerable music editing."""
