"""What an operator keeps under version control of an orchestra, made from its scenario."""
