"""Prompts and what is made of them: templates with variables, named versions, graphs of runs."""
