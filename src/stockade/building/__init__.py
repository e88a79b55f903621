"""From definitions and tables to features, snapshots and training sets, checked."""
