"""What leaves the project: a generator with its card, its picture and a program, in one folder."""
