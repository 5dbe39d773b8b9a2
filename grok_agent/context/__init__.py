"""What goes into the window: tokens, files, symbols, ranking, packing, history."""
