"""What a contributor writes when following CONTRIBUTING's recipes, one module per recipe."""
