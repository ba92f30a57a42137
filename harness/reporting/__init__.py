"""Values as text, figures and pages."""
