"""Prompts and what is made of them: templates, named versions, graphs of runs that depend on each other."""
