"""Measured errors: simulated perceptrons, real sweeps, and fits of the theories to them.

    simulate        train certified students on pruned data and measure their errors
    simulate_until  as many of them as a wanted standard error takes
    compare         a simulation beside the theory, and where it leaves the theory's setting
    run_sweep       a Design of many points into a store that survives a kill, on any executor;
                    a RealDesign trains models on data that ship in packages, or on your own
    max_margin      the student of any matrix of examples, with its duality gap
    read            a file or folder of training runs as a `Sweep`
    fit             hold a law against a Sweep
    compare_laws    laws side by side on a Sweep, judged by the largest budgets
    plan            which pools, in which weights, for how many epochs, at a budget
    advise          in one call: which law fits, what to keep, what to expect, what to train next

The names are loaded when first used: JAX and pandas take seconds that a caller may not need.
`__init__.pyi` lists them.
"""

import lazy_loader

from prunelaw import moved

moved.install()
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
