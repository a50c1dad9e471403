"""The same cases against several targets, graded and compared. Must never: answer a call, or open a connection."""
