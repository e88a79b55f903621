"""Speed and memory of the engine, beside what else could do the work; ratios within one run."""
