"""What a person looks at: figures, reports and the command line."""
