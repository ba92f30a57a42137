"""What can be set: the schema, its composition, plug-ins, and what identifies a run."""
