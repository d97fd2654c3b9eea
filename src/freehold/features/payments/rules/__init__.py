"""How a call is paid: pure."""
