"""What users write: frozen values, standard library only, no Spark."""
