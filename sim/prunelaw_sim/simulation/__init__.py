"""One point of the teacher-student experiment, and its limit N to infinity."""
