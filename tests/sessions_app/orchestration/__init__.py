"""Of prompts, graphs and what they are made of."""
