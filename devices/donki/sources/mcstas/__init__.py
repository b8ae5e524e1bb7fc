"""What simulations write, McStas monitors and MCPL files, and the sources that draw from it."""
