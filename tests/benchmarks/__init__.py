"""How fast the carriage is, as ratios to what the same machine does without it in the same run. See docs/benchmarks."""
