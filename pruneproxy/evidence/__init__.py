"""What records say: effects, verdicts on claims, the ledger of differences, tables and figures. Needs no torch."""
