"""What the tests share: servers and brokers to start, clients, and what is waited for."""
