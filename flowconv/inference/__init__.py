"""What one does with a trained flow: one file a job, one script each."""
