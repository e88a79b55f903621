"""Card payments: customers, terminals, three ways to defraud them, and labels a week late."""
