"""What a command would cost, and how long it would take, before it runs."""
