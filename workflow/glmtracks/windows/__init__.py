"""What models are trained on and judged by: corpora, splits, windows, and that nothing held out leaks into them."""
