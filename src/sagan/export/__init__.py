"""Export: the generator as a self-contained folder with a model card and a program."""
