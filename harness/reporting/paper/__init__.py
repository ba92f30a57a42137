"""What only papers need: tables in LaTeX, and the choice of arms, columns and labels."""
