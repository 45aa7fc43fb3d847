"""What decides a run's weights: loop, steps, losses, average, inputs, state, ranks."""
