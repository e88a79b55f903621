"""The lengths of time that the pack looks back over, and what each is good for."""

from stockade import LIFETIME, days, hours, minutes

# A burst: a script, a panic, a wash trade and its mirror.
MINUTES, HOUR = minutes(15), hours(1)
# A day's work of a thief or a mule; three days are the life of a quick pass-through.
DAY, DAYS = days(1), days(3)
# A week is a habit in the small, a month the habit itself.
WEEK, MONTH = days(7), days(30)
# The limit for revoking an ACH debit (Nacha: 60 calendar days), with the banks' two to file it.
RETURN_WINDOW = days(62)
QUARTER, HALF_YEAR, YEAR = days(90), days(180), days(365)

SHORT = (HOUR, DAY)
LONG = (DAY, WEEK, MONTH)
HABIT = (WEEK, MONTH)
EVER = (LIFETIME,)
