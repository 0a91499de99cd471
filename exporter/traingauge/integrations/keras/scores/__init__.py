"""What scores are made of, inside of a TensorFlow graph."""
