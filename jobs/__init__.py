"""Entry points for schedules: each is one command of `stockade`."""
