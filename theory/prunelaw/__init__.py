"""Exact theory of data pruning and data filtering.

`solve` gives the test error of a max-margin perceptron trained on pruned data (Sorscher et al.
2022), `optimal_rule` the best examples to keep, `phase_diagram` where which rule wins.

    keep         keep rules: which part of the examples is kept
    perceptron   the max-margin student: solver, derivatives, limits, distribution of margins
    pruning      the best fraction, band and rule; phase diagrams
    students     other exact students: ridge, Gibbs
    decay        the error of training on repeated pools of unequal quality (Goyal et al. 2024), the
                 best filter at a compute budget, mixtures, schedules, rival laws
    derivations  both theories derived by SymPy

The names are loaded when first used; `__init__.pyi` lists them.
"""

import lazy_loader

from prunelaw import moved

moved.install()
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
