"""`make bench`: how fast it trains, against the usual loop and against itself without each of its choices."""
