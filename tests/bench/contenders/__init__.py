"""One small application a contender, each as its own documentation shows it."""
