"""The lessons' pictures and widgets, a module a topic: the notebooks keep to the mathematics.

Nothing else in the package imports this folder. Figures are returned, never shown; a widget always
has a function beside it that draws the same as a still picture.
"""
