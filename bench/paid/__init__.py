"""Parts of `bench/paid_calls.py`: what sends calls, what answers them, what is counted and how it is shown."""
