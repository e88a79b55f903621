"""From history to features at moments: one operator, its kernels, and its oracle."""
