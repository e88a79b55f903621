"""What is known of users, devices, accounts and payments: one file per view or behaviour."""
