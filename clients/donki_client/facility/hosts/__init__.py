"""Device servers on other hosts: registered in their Tango database, started by the Starter of each host."""
